"""Runs with codecs that hold the lock: in processes where several workers would take turns, and the same numbers."""

import pytest

from plugins.codecs.jpeg2000 import Jpeg2000
from suite import protocols, runner
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.isolation import codec as isolation
from suite.isolation.process import Process
from suite.lineup import Choice
from suite.progress import Silent
from suite.tuning import Wish

SPEC = protocols.load("pv-codecs@1")


@pytest.fixture
def started(monkeypatch):
    """Give the numbers of the processes that are started, as they come."""
    pids = []

    class Noted(Process):
        def __init__(self):
            super().__init__()
            pids.append(self.pid)

    monkeypatch.setattr(isolation, "Process", Noted)
    return pids


@pytest.fixture
def measure(tmp_path, fake, monkeypatch):
    def run(name, *, workers, progress=None):
        monkeypatch.setenv("SUITE_BITSTREAMS", str(tmp_path / f"{name}-streams"))
        choice = Choice(models=(fake("Brightness"),), codecs=("jpeg2000",), settings=("300", "50"), limit=16)
        database = tmp_path / f"{name}.db"
        wish = Wish(batch=4, workers=workers)
        report = runner.run(SPEC, choice, database=database, device="cpu", wish=wish, progress=progress)
        assert report.failed == ()
        results = [stored.result for stored in queries.results(open_for_reading(database))]
        return [(result.measures, result.outcomes, result.frames) for result in results]

    return run


def test_processes_change_no_number_and_end_with_the_run(measure, started, monkeypatch, new_children):
    hosted = measure("hosted", workers=2)
    assert 1 <= len(started) <= 2
    assert new_children() == set()
    monkeypatch.setattr(Jpeg2000, "holds_lock", ())
    assert measure("threads", workers=2) == hosted
    assert 1 <= len(started) <= 2


def test_one_worker_needs_no_process(measure, started):
    measure("one", workers=1)
    assert started == []


def test_an_interrupted_run_leaves_no_process(measure, started, new_children):
    class Interrupted(Silent):
        def advance(self, count):
            if started:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure("interrupted", workers=2, progress=Interrupted())
    assert started
    assert new_children() == set()
