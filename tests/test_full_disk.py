"""A disk that fills up in the middle of a run: a clear message, and the run goes on once there is room."""

import os
import subprocess
import sys

import pytest

from suite.db import queries
from suite.db.engine import open_for_reading


@pytest.fixture
def small_disk(tmp_path):
    """Give a file system with room for the empty database and little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=480k", "tmpfs", disk]).returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_explained_and_nothing_is_lost(small_disk, fake):
    database = small_disk / "r.db"
    command = [sys.executable, "-m", "suite.cli.main", "run", "pv-cells@1", "--model", fake("Brightness")]
    options = ["--limit", "200", "--device", "cpu", "--batch-size", "4", "--workers", "2", "--database", str(database)]
    full = subprocess.run([*command, *options], capture_output=True, text=True)
    assert full.returncode == 1
    assert "no space left" in full.stderr.lower()
    assert "Traceback" not in full.stderr

    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    enough = subprocess.run([*command, *options], capture_output=True, text=True)
    assert enough.returncode == 0, enough.stderr
    found = queries.results(open_for_reading(database))
    assert len({str(stored.result.cell) for stored in found if stored.counts}) == 10
