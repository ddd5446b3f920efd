"""A run that is killed for real, again and again, ends with the numbers of one that never was."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from suite.db import queries
from suite.db.engine import open_for_reading

IMAGES, BLOCK, WORKERS = 240, 16, 2
CONDITIONS = 4


@pytest.fixture
def suite_run(fake):
    def start(database, log):
        command = [sys.executable, "-m", "suite.cli.main", "run", "pv-cells@1", "--model", fake("Slow")]
        settings = [word for value in (10, 50, 90) for word in ("--setting", str(value))]
        options = ["--limit", str(IMAGES), "--batch-size", "8", "--workers", str(WORKERS), "--device", "cpu"]
        environment = os.environ | {"SLOW_LOG": str(log), "SUITE_DATABASE": str(database)}
        return subprocess.Popen(
            [*command, *settings, *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def numbers(database):
    found = queries.results(open_for_reading(database))
    return {str(r.result.cell): (r.result.measures, r.result.outcomes, r.result.frames) for r in found}


def shown(log):
    return sum(map(int, log.read_text().split())) if log.exists() else 0


def kill_when(child, log, *, images, signal_number):
    """Kill a run at a random moment once it has seen more images; return whether it was still running."""
    while child.poll() is None:
        if shown(log) >= images:
            time.sleep(random.uniform(0, 0.1))  # noqa: S311 - no secret
            child.send_signal(signal_number)
            break
        time.sleep(0.01)
    child.communicate(timeout=60)
    return child.returncode in (-signal.SIGKILL, 130)


def test_kills_at_random_moments_change_no_number(suite_run, tmp_path):
    whole, whole_log = tmp_path / "whole.db", tmp_path / "whole.log"
    out, _ = suite_run(whole, whole_log).communicate(timeout=120)
    assert "4 results stored" in out
    assert shown(whole_log) == IMAGES * CONDITIONS

    broken, log, journal = tmp_path / "broken.db", tmp_path / "broken.log", tmp_path / "broken.db.journal"
    kills = [signal.SIGKILL, signal.SIGINT, signal.SIGKILL]
    killed = 0
    for number in kills:
        child = suite_run(broken, log)
        killed += kill_when(child, log, images=shown(log) + 150, signal_number=number)
    out, _ = suite_run(broken, log).communicate(timeout=120)
    assert killed == len(kills)
    assert "4 results stored" in out
    assert numbers(broken) == numbers(whole)
    assert shown(log) - IMAGES * CONDITIONS <= killed * WORKERS * BLOCK
    with closing(sqlite3.connect(journal)) as connection:
        assert connection.execute("SELECT count(*) FROM part").fetchone() == (0,)


def test_a_second_run_into_the_same_database_is_told_to_wait(suite_run, tmp_path):
    database, log = tmp_path / "results.db", tmp_path / "log"
    first = suite_run(database, log)
    while not shown(log):
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)  # however long the second takes to start
    second, _ = suite_run(database, log).communicate(timeout=60)
    first.send_signal(signal.SIGCONT)
    out, _ = first.communicate(timeout=120)
    assert "is locked: another process is writing to it" in second
    assert "Traceback" not in second
    assert "4 results stored" in out
    assert shown(log) == IMAGES * CONDITIONS


def test_a_kill_while_results_are_stored_loses_none(suite_run, tmp_path):
    database, log = tmp_path / "results.db", tmp_path / "log"
    child = suite_run(database, log)
    while child.poll() is None and not results_in(database):
        time.sleep(0.005)
    child.kill()
    child.communicate()
    before = results_in(database)
    out, _ = suite_run(database, log).communicate(timeout=120)
    assert f"{CONDITIONS - before} results stored" in out
    assert f"{before} were there" in out
    assert len(numbers(database)) == CONDITIONS == results_in(database)
    assert shown(log) == IMAGES * CONDITIONS


def results_in(database):
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM result").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
