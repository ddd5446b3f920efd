"""What goes wrong with real files and real processes: locks, kills, full disks, missing permissions."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from suite.db import queries
from suite.db.engine import open_for_reading, open_for_writing
from suite.db.store import Store
from suite.errors import DatabaseBusy, StorageError, StorageFull
from tests.db.measured import Laboratory, condition, protocol, result

TOY = protocol()


@contextlib.contextmanager
def process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs ``script`` and talks through pipes."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def said(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def tell(running: subprocess.Popen[str], line: str = "") -> None:
    assert running.stdin is not None
    running.stdin.write(f"{line}\n")


OPEN_EACH = """
import sys
from pathlib import Path
from suite.db.engine import open_for_writing
from suite.db.store import Store
import alembic.command, alembic.config
print("ready")
for line in sys.stdin:
    path = Path(line.strip())
    print(Store(open_for_writing(path), path).begin_run(["suite"]))
"""


def test_two_processes_may_open_a_fresh_database_at_once(tmp_path):
    with process(OPEN_EACH) as one, process(OPEN_EACH) as other:
        assert [said(one), said(other)] == ["ready", "ready"]
        for number in range(10):
            path = tmp_path / f"{number}" / "results.db"
            tell(one, str(path))
            tell(other, str(path))
            assert {said(one), said(other)} == {"1", "2"}


def test_threads_may_open_a_fresh_database_at_once(tmp_path):
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            open_for_writing(tmp_path / f"{number % 2}.db")
        except BaseException as error:  # noqa: BLE001 - the test shows it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert queries.results(open_for_reading(tmp_path / "0.db")) == queries.results(open_for_reading(tmp_path / "1.db"))


RECORD_AND_STOP = """
import sys, time
from pathlib import Path
from tests.db.measured import HERE, condition, protocol, result
from sqlalchemy import event
from suite.db.engine import open_for_writing
from suite.db.store import Store
path = Path(sys.argv[1])
engine = open_for_writing(path)
store = Store(engine, path)
run = store.begin_run(["suite"])

@event.listens_for(engine, "before_cursor_execute")
def stop(connection, cursor, statement, *rest):
    if statement.startswith("INSERT INTO metric"):
        print("halfway")
        time.sleep(60)

store.record(result(condition(protocol(), 90), 0.8), run=run, environment=HERE.digest)
"""


def test_a_writer_killed_halfway_through_a_result_leaves_all_before_and_nothing_of_it(laboratory):
    numbers = laboratory.record_entry(TOY, {10: 0.5})
    laboratory.engine.dispose()
    with process(RECORD_AND_STOP, laboratory.path) as writer:
        assert said(writer) == "halfway"
        writer.kill()
        writer.wait()
    reader = open_for_reading(laboratory.path)
    assert [found.id for found in queries.results(reader)] == [numbers[10]]
    with closing(sqlite3.connect(laboratory.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM condition").fetchone() == (1,)
    laboratory.record(result(condition(TOY, 90), 0.8))
    assert len(queries.results(reader)) == 2


LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("locked")
sys.stdin.readline()
"""


def test_a_writer_waits_no_longer_than_its_timeout_and_readers_not_at_all(laboratory):
    laboratory.record_entry(TOY, {10: 0.5})
    with process(LOCK, laboratory.path, "BEGIN IMMEDIATE") as other:
        assert said(other) == "locked"
        store = Store(open_for_writing(laboratory.path, timeout_s=0.1), laboratory.path)
        with pytest.raises(DatabaseBusy, match="is locked: another process is writing to it"):
            store.begin_run(["suite"])
        assert len(queries.results(open_for_reading(laboratory.path))) == 1
        tell(other)
        other.wait()
        assert store.begin_run(["suite"]) == 2


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_fresh_database_that_another_process_holds_is_busy(tmp_path, lock):
    path = tmp_path / "results.db"
    with process(LOCK, path, lock) as other:
        assert said(other) == "locked"
        with pytest.raises(DatabaseBusy):
            open_for_writing(path, timeout_s=0.1)


def test_a_writer_waits_for_the_lock_within_its_timeout(laboratory):
    with process(LOCK, laboratory.path, "BEGIN IMMEDIATE") as other:
        assert said(other) == "locked"
        threading.Timer(0.2, tell, [other]).start()
        assert laboratory.store.begin_run(["suite"]) == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system; test_outcomes has the check without")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return filler


def until_full(laboratory: Laboratory) -> int:
    """Record until there is no room, which is soon, and return how many results there was room for."""
    for recorded in range(500):
        try:
            laboratory.record(result(condition(TOY, 10), 0.5))
        except StorageFull:
            return recorded
    return pytest.fail("The disk never filled.")


def test_a_full_disk_costs_the_results_that_did_not_fit_and_no_others(small_disk, connections):
    laboratory = Laboratory(small_disk)
    laboratory.record_entry(TOY, {None: 0.9})
    filler = fill(small_disk)
    measured = result(condition(TOY, 10), 0.5)
    noise = pa.table({"x": np.random.default_rng(0).random(1000)})
    with pytest.raises(StorageFull, match="no space left to write beside"):
        laboratory.record(measured, outcomes=noise)
    recorded = until_full(laboratory)
    assert [file for file in (small_disk / "results.outcomes").rglob("*") if file.is_file()] == []
    filler.unlink()
    assert len(queries.results(laboratory.engine)) == 1 + recorded
    number = laboratory.record(measured, outcomes=noise)
    assert queries.results(laboratory.engine)[0].id == number
    for connection in connections:
        connection.close()


def test_a_fresh_database_on_a_full_disk_is_said(small_disk):
    fill(small_disk)
    with pytest.raises(StorageFull, match="no space left to write beside"):
        open_for_writing(small_disk / "results.db")


def test_a_full_disk_can_be_read_from(small_disk):
    laboratory = Laboratory(small_disk)
    laboratory.record_entry(TOY, {10: 0.5})
    laboratory.engine.dispose()
    fill(small_disk)
    with pytest.raises(StorageFull, match="no space left to write beside"):
        open_for_writing(laboratory.path)
    assert len(queries.results(open_for_reading(laboratory.path))) == 1


def test_a_damaged_database_is_said(laboratory):
    laboratory.record_entry(TOY, {10: 0.5})
    laboratory.engine.dispose()
    data = bytearray(laboratory.path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    laboratory.path.write_bytes(data)
    with pytest.raises(StorageError, match=r"is damaged .*Restore it from a backup"):
        queries.results(open_for_reading(laboratory.path))


AS_NOBODY = """
import json, os, sys, tempfile
from pathlib import Path
import alembic.command, alembic.config, pyarrow.compute, pyarrow.parquet
from tests.db.measured import Laboratory, protocol
from suite.db import outcomes, queries
from suite.db.engine import open_for_reading, open_for_writing
with tempfile.TemporaryDirectory() as warm:  # everything that is imported when used, while it can be
    laboratory = Laboratory(Path(warm))
    laboratory.record_entry(protocol(), {10: 0.5})
    queries.results(open_for_reading(laboratory.path))
    laboratory.engine.dispose()
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
place = Path(sys.argv[1])

def attempt(action):
    try:
        return action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

print(json.dumps({
    "write to a file": attempt(lambda: str(open_for_writing(place / "open" / "file.db"))),
    "write in a directory": attempt(lambda: str(open_for_writing(place / "closed" / "results.db"))),
    "make in a directory": attempt(lambda: str(open_for_writing(place / "closed" / "new.db"))),
    "make a directory": attempt(lambda: str(open_for_writing(place / "closed" / "new" / "new.db"))),
    "keep outcomes": attempt(lambda: outcomes.write(place / "closed", pyarrow.table({"x": [1]}))),
    "read a file": attempt(lambda: len(queries.results(open_for_reading(place / "open" / "file.db")))),
    "read in a directory": attempt(lambda: len(queries.results(open_for_reading(place / "closed" / "results.db")))),
    "read a log": attempt(lambda: len(queries.results(open_for_reading(place / "logged" / "results.db")))),
    "read a secret": attempt(lambda: str(open_for_reading(place / "closed" / "secret.db"))),
    "listing": sorted(path.name for path in (place / "closed").iterdir()),
}))
"""


@pytest.fixture(scope="module")
def as_nobody() -> Iterator[dict[str, object]]:
    """What a user sees who may write neither some files nor some directories."""
    place = Path(tempfile.mkdtemp(prefix="suite-permissions-"))
    laboratory = Laboratory(place)
    for name in ("open", "closed", "logged"):
        (place / name).mkdir()
    with laboratory.engine.connect() as open_connection:  # while it is there, the last results are only in the log
        open_connection.exec_driver_sql("SELECT 1")
        laboratory.record_entry(TOY, {10: 0.5})
        for suffix in ("", "-wal"):
            shutil.copy(f"{laboratory.path}{suffix}", f"{place / 'logged' / 'results.db'}{suffix}")
    for copy in ("open/file.db", "closed/results.db", "closed/secret.db"):
        shutil.copy(laboratory.path, place / copy)
    modes = {".": 0o755, "open": 0o777, "open/file.db": 0o444, "closed/results.db": 0o666, "closed/secret.db": 0}
    for path, mode in (modes | {"closed": 0o555, "logged": 0o555}).items():
        (place / path).chmod(mode)
    with process(AS_NOBODY, place) as nobody:
        output = nobody.communicate(timeout=60)[0]
    yield json.loads(output)
    for name in ("closed", "logged"):
        (place / name).chmod(0o755)
    shutil.rmtree(place)


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("write to a file", r"DatabaseReadOnly: .*file.db cannot be written to. Change its permissions"),
        ("write in a directory", r"DatabaseReadOnly: .*closed cannot be written to. Change its permissions"),
        ("make in a directory", r"DatabaseReadOnly: .*closed cannot be written to. Change its permissions"),
        ("make a directory", r"DatabaseReadOnly: .*closed/new cannot be written to \(Permission denied\)"),
        ("keep outcomes", r"DatabaseReadOnly: .* cannot be written to \(Permission denied\)"),
        ("read a file", "1"),
        ("read in a directory", "1"),
        ("read a log", r"StorageError: .*logged/results.db cannot be opened \(unable to open database file\)"),
        ("read a secret", r"StorageError: .*secret.db cannot be opened \(unable to open database file\)"),
        ("listing", r"\['results.db', 'secret.db'\]"),
    ],
)
def test_missing_permissions(as_nobody, what, answer):
    assert re.match(answer, str(as_nobody[what])), as_nobody[what]
