"""`suite submit` killed for real on its way: the same command goes on, and ends with the folder of one never killed."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import pytest

from tests.isolation.guests import model_text, needs_bubblewrap
from tests.isolation.test_attacks import none_left

LIMIT = 24
BLOCKS = 10
METADATA = """# /// script
# dependencies = ["numpy"]
# [tool.suite]
# kind = "model"
# object = "Plugin"
# name = "plugin"
# version = "1"
# task = "classification"
# authors = "A. Author"
# licence = "MIT"
# training-data = "none"
# ///
"""
pytestmark = needs_bubblewrap


@pytest.fixture
def submission(tmp_path):
    """Start `suite submit` of a slow model, with a folder and a database of that name."""
    plugin = tmp_path / "plugin.py"
    plugin.write_text(METADATA + model_text(predict="time.sleep(0.004 * len(images))"))

    def start(name):
        options = ["--limit", str(LIMIT), "--device", "cpu", "--current-environment"]
        places = ["--submissions", str(tmp_path / name), "--database", str(tmp_path / f"{name}.db")]
        command = [sys.executable, "-m", "suite.cli.main", "submit", str(plugin), *options, *places]
        environment = os.environ | {"TMPDIR": str(staging)}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    staging = tmp_path / "staging"
    staging.mkdir()
    return start


def blocks_kept(journal, aside):
    """Return how many blocks a journal holds, which a run has open: a copy of it is read."""
    for file in (journal, journal.with_name(f"{journal.name}-wal")):
        if not file.exists():
            return 0
        shutil.copy(file, aside)
    with suppress(sqlite3.Error), closing(sqlite3.connect(aside / journal.name)) as connection:
        return connection.execute("SELECT count(*) FROM part").fetchone()[0]
    return 0


def kill_amid(child, database, aside):
    """Kill a submission once its run has kept some blocks."""
    aside.mkdir()
    while child.poll() is None and blocks_kept(database.with_name(f"{database.name}.journal"), aside) < BLOCKS:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)


def to_do(said):
    """Return how many predictions a run had to make, as its progress says."""
    (number,) = re.findall(r"measuring pv-cells: ([\d,]+) to do", said)
    return int(number.replace(",", ""))


def rows_in(folder):
    """Return the rows without the digests of their outcomes: scores depend on the batch that a run chose."""
    rows = json.loads((folder / "plugin" / "results.json").read_text())["rows"]
    return [{key: value for key, value in row.items() if key != "outcomes"} for row in rows]


def test_killed_amid_its_run_it_goes_on_and_writes_the_same_folder(submission, tmp_path):
    whole, _ = submission("whole").communicate(timeout=300)
    assert to_do(whole) == 2 * 10 * LIMIT

    first = submission("broken")
    kill_amid(first, tmp_path / "broken.db", tmp_path / "aside")
    assert first.returncode == -signal.SIGKILL
    assert not (tmp_path / "broken").exists()
    assert none_left(str(tmp_path / "staging"))

    again, _ = submission("broken").communicate(timeout=300)
    assert to_do(again) < to_do(whole)
    assert list((tmp_path / "staging").glob("suite-*")) == []
    assert rows_in(tmp_path / "broken") == rows_in(tmp_path / "whole")
