"""Stages of plugins: gone with their process, or with the next one if that was killed."""

import fcntl
import signal
import subprocess
import sys

import pytest

from suite.submission import stage as stages
from suite.submission.stage import stage

HOLD = """
from suite.submission.stage import stage
with stage() as place:
    (place / "weights").write_bytes(b"x")
    print(place, flush=True)
    input()
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder(root):
    """Give a process that has a stage."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_stage_goes_with_its_use(root):
    with stage() as place:
        assert [path.name for path in root.iterdir()] == [place.name]
    assert list(root.iterdir()) == []


def test_what_another_process_uses_stays(root, holder):
    with stage() as mine:
        theirs = [path for path in root.iterdir() if path != mine]
        assert [(path / "weights").is_file() for path in theirs] == [True]


def test_what_a_killed_process_left_goes_with_the_next(root, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert len(list(root.iterdir())) == 1
    with stage() as mine:
        assert list(root.iterdir()) == [mine]


def test_a_stage_is_not_taken_for_a_leftover_before_it_is_locked(root, monkeypatch):
    flock = fcntl.flock

    def after_another_has_looked(file, operation):
        if operation == fcntl.LOCK_EX:
            stages.clear_away(root)
        flock(file, operation)

    monkeypatch.setattr(stages.fcntl, "flock", after_another_has_looked)
    with stage() as mine:
        assert mine.is_dir()


def test_what_is_no_stage_stays(root):
    (root / f"{stages.PREFIX}mine").mkdir()
    (root / "suite-other").mkdir()
    with stage():
        pass
    assert len(list(root.iterdir())) == 2
