"""Snapshots that are not what was exported, by accident or on purpose: refused, and nothing here is touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.db import contents, outcomes, queries, schema, snapshot
from suite.db.engine import open_for_reading, open_for_writing
from suite.db.snapshot.manifest import ListedFile, Manifest, sealed
from suite.digest import sha256_of_file
from suite.errors import DamagedSnapshot, NewerDatabase, StorageError, StorageFull, UsageError
from suite.published import STUDIES, numbers_of
from suite.spec import to_json
from tests.db.measured import Laboratory, condition, protocol, result, throughput
from tests.db.test_engine import DUMPS

TOY = protocol()
PER_SAMPLE = pa.table({"correct": [True, False]})
FILES = ("manifest.json", "suite.db", "results.json", "results.parquet", "suite.outcomes")
UNTOUCHED = "nothing was changed here"


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A whole snapshot; whoever damages it copies it first."""
    directory = tmp_path_factory.mktemp("exported")
    laboratory = Laboratory(directory)
    numbers = laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record(result(condition(TOY, 10), 0.4, model="other"), outcomes=PER_SAMPLE)
    laboratory.store.add_erratum(numbers[10] or 0, author="ada", reason="why")
    laboratory.record_throughput(throughput(TOY))
    laboratory.record_verification(TOY)
    laboratory.store.import_published(numbers_of(STUDIES[1])[:2])
    snapshot.export(laboratory.path, directory / "board", with_outcomes=True)
    return directory / "board"


@pytest.fixture
def board(exported, tmp_path) -> Path:
    """A copy of the snapshot."""
    return Path(shutil.copytree(exported, tmp_path / "board"))


@pytest.fixture
def target(tmp_path) -> Path:
    """A database with results of its own, in a directory of its own."""
    laboratory = Laboratory(tmp_path / "mine")
    laboratory.record_entry(TOY, {10: 0.3}, model="mine")
    return laboratory.path


def bytes_below(folder: Path) -> dict[str, str]:
    return {str(path): sha256_of_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(board: Path, target: Path, *, error: type[Exception] = DamagedSnapshot) -> str:
    """Import what must be refused, with the target as it was and none made; return the message."""
    before = bytes_below(target.parent)
    with pytest.raises(error) as found:
        snapshot.import_snapshot(board, target)
    assert bytes_below(target.parent) == before
    with pytest.raises(error):
        snapshot.import_snapshot(board, target.with_name("new") / "results.db")
    assert not target.with_name("new").exists()
    return str(found.value)


def file_of(board: Path, name: str) -> Path:
    path = board / name
    return path if path.is_file() else next(path.rglob("*.parquet"))


def manifest_of(board: Path) -> Manifest:
    return msgspec.json.decode((board / "manifest.json").read_bytes(), type=Manifest)


def write_manifest(board: Path, manifest: Manifest) -> None:
    (board / "manifest.json").write_text(to_json(manifest), encoding="utf-8")


def forge(board: Path, *statements: str, **changes: Any) -> None:
    """Change the database, then make the manifest agree, as somebody would who means harm or mends by hand."""
    with closing(sqlite3.connect(board / "suite.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, text in triggers:
            with contextlib.suppress(sqlite3.OperationalError):  # its table has another name now
                connection.execute(text)
    manifest = manifest_of(board)
    with contextlib.suppress(Exception), open_for_reading(board / "suite.db").connect() as connection:
        found = contents.contents(connection)
        number_of = {
            table.name: len(connection.execute(table.select()).all())
            for table in schema.metadata.sorted_tables
            if table not in schema.DERIVED
        }
        manifest = msgspec.structs.replace(manifest, digest=contents.digest_of_contents(found), counts=number_of)
    reseal(board, manifest, **changes)


def reseal(board: Path, manifest: Manifest, **changes: Any) -> None:
    """Write a manifest that agrees with the files there."""
    files = {
        path.relative_to(board).as_posix(): ListedFile(size_bytes=path.stat().st_size, sha256=sha256_of_file(path))
        for path in sorted(board.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    write_manifest(board, sealed(msgspec.structs.replace(manifest, **({"files": files} | changes))))


def test_a_resealed_snapshot_is_taken(board, target):
    """What the other tests build on: only what they change can be why it is refused."""
    forge(board)
    assert snapshot.import_snapshot(board, target).tallies["result"] == (4, 0)
    forge(board, "INSERT INTO erratum VALUES (9, 1, 'eve', 'why not', '2026-01-01 00:00:00.000000')")
    assert snapshot.import_snapshot(board, target).tallies["erratum"] == (1, 1)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0.0, 0.5, -1])
def test_a_truncated_file_is_refused(board, target, name, keep):
    path = file_of(board, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep >= 0 else -1])
    if name == "manifest.json" and keep == -1:
        path.write_bytes(data[:-2])  # the last byte is only the line's end
    message = refused(board, target)
    assert str(path) in message
    assert UNTOUCHED in message


@settings(max_examples=40, suppress_health_check=["function_scoped_fixture"])  # each example restores the file
@given(name=st.sampled_from(FILES), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused(exported, name, where, bit):
    path = file_of(exported, name)
    whole = path.read_bytes()
    data = bytearray(whole)
    data[int(where * len(data))] ^= 1 << bit
    try:
        path.write_bytes(data)
        if name == "manifest.json" and as_manifest(bytes(data)) == as_manifest(whole):
            return  # white space
        with pytest.raises((DamagedSnapshot, NewerDatabase)):
            snapshot.verify(exported)
    finally:
        path.write_bytes(whole)


def as_manifest(data: bytes) -> Manifest | None:
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


@pytest.mark.parametrize("name", FILES[1:])
def test_a_missing_file_is_refused(board, target, name):
    path = file_of(board, name)
    path.unlink()
    assert f"{path} is missing" in refused(board, target)


def test_a_folder_without_a_manifest_is_no_snapshot(board, target):
    (board / "manifest.json").unlink()
    assert "is no snapshot: it holds no manifest.json" in refused(board, target, error=UsageError)
    assert "is no snapshot" in refused(board / "absent", target, error=UsageError)
    assert "is no snapshot" in refused(board / "suite.db", target, error=UsageError)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format":"1"}', '{"format":1}', "\x00", "[" * 100_000])
def test_a_manifest_that_is_none_is_refused(board, target, text):
    (board / "manifest.json").write_text(text, encoding="utf-8")
    assert "manifest.json cannot be understood" in refused(board, target)


@pytest.mark.parametrize(
    "changes",
    [
        {"suite_version": "9.9"},
        {"digest": "sha256:" + "0" * 64},
        {"counts": {"result": 5}},
        {"protocols": ()},
        {"created_at": msgspec.convert("2020-01-01T00:00:00Z", type=Any)},
        {"schema_revision": "0002"},
        {"files": {}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_edited_manifest_is_refused_sealed_again_or_not(board, target, changes):
    manifest = manifest_of(board)
    if "created_at" in changes:
        changes = {"created_at": manifest.created_at.replace(year=2020)}
    edited = msgspec.structs.replace(manifest, **changes)
    write_manifest(board, edited)
    assert "was altered: its seal is that of another manifest" in refused(board, target)
    if changes.keys() & {"suite_version", "created_at"}:
        return  # what only the seal knows of
    write_manifest(board, sealed(edited))
    assert str(board) in refused(board, target)


@pytest.mark.parametrize("name", ["extra.txt", "suite.db-wal", "suite.outcomes/aa/x.parquet", ".hidden"])
def test_a_file_that_is_not_listed_is_refused(board, target, name):
    (board / name).parent.mkdir(exist_ok=True)
    (board / name).touch()
    assert f"{name} is not listed in the manifest" in refused(board, target)


@pytest.mark.parametrize(
    "name",
    [
        *("../mine/results.db", "/etc/passwd", "suite.outcomes/../../x.parquet", "./suite.db", "other.db", "", "."),
        *("suite.outcomes/aa/" + "b" * 64 + ".parquet", "manifest.json", "suite.db\x00", "suite.outcomes"),
    ],
)
def test_a_manifest_that_names_other_files_is_refused(board, target, name):
    manifest = manifest_of(board)
    listed = ListedFile(size_bytes=0, sha256=sha256_of_file(board / "results.json"))
    reseal(board, manifest, files={**manifest.files, name: listed})
    assert "which is no file of a snapshot" in refused(board, target)


@pytest.mark.parametrize("name", FILES[1:])
def test_a_link_in_the_place_of_a_file_is_refused(board, target, name):
    path = file_of(board, name)
    path.rename(board.parent / "moved")
    path.symlink_to(board.parent / "moved")
    assert f"{path} is a link, or no plain file" in refused(board, target)


def test_a_link_beside_the_files_or_a_pipe_is_refused(board, target, tmp_path):
    (board / "link").symlink_to(tmp_path)
    assert "link is a link" in refused(board, target)
    (board / "link").unlink()
    (board / "manifest.json").rename(tmp_path / "moved")
    (board / "manifest.json").symlink_to(tmp_path / "moved")
    refused(board, target, error=UsageError)
    (board / "manifest.json").unlink()
    (tmp_path / "moved").rename(board / "manifest.json")
    os.mkfifo(board / "pipe")
    assert "pipe is a link, or no plain file" in refused(board, target)


def test_a_snapshot_of_a_newer_suite_is_refused(board, target):
    manifest = manifest_of(board)
    reseal(board, manifest, schema_revision="0999")
    message = refused(board, target, error=NewerDatabase)
    assert "has schema 0999, and this suite knows none after" in message
    assert "pip install --upgrade compression-suite" in message
    later = {**msgspec.to_builtins(manifest), "format": 2, "licence": "a field of tomorrow"}
    (board / "manifest.json").write_bytes(msgspec.json.encode(later))
    assert "has format 2, and this suite reads up to 1" in refused(board, target, error=NewerDatabase)


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\x00" + b"\x00" * 4000])
def test_a_database_that_is_none_is_refused(board, target, data):
    (board / "suite.db").write_bytes(data)
    reseal(board, manifest_of(board))
    assert f"{board / 'suite.db'} cannot be used" in refused(board, target)


def test_a_damaged_page_is_found_although_the_manifest_agrees(board, target):
    path = board / "suite.db"
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'result_by_cell'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data[page * size - 8] ^= 1  # in the last entry of an index that no query of ours reads
    path.write_bytes(data)
    reseal(board, manifest_of(board))
    assert "cannot be used" in refused(board, target)


OTHER_DIGEST = "sha256:" + "0" * 64
COUNTS = {
    **dict.fromkeys(("protocol", "environment", "run", "erratum", "throughput", "verification"), 1),
    **dict.fromkeys(("published", "throughput_metric"), 2),
    "plugin": 6,
    "condition": 3,
    "result": 4,
    "metric": 4,
}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE TABLE extra (x)", "'extra' is not as schema"),
        ("CREATE VIEW extra AS SELECT * FROM result", "'extra' is not as schema"),
        ("CREATE INDEX extra ON result (cell)", "'extra' is not as schema"),
        ("CREATE TRIGGER extra AFTER INSERT ON run BEGIN SELECT 1; END", "'extra' is not as schema"),
        ("ALTER TABLE result ADD COLUMN extra TEXT", "'result' is not as schema"),
        ("ALTER TABLE metric RENAME TO measure", "is not as schema"),
        ("DROP INDEX result_by_run", "'result_by_run' is not as schema"),
        ("UPDATE alembic_version SET version_num = '0002'", "its schema is"),
        ("DELETE FROM alembic_version", "its schema is"),
        ("INSERT INTO metric VALUES (99, 'top1', 0.5, NULL, NULL)", "a row of metric points at no result"),
        ("UPDATE result SET run_id = 99 WHERE id = 1", "a row of result points at no run"),
        ("UPDATE erratum SET result_id = 99", "a row of erratum points at no result"),
        ("UPDATE metric SET value = 9e999 WHERE result_id = 1", "the metric 'top1' of result 1 is no finite number"),
        ("UPDATE metric SET low = -9e999 WHERE result_id = 1", "is no finite number"),
        ("UPDATE metric SET value = 'high' WHERE result_id = 1", "is no finite number"),
        ("UPDATE metric SET name = X'00ff' WHERE result_id = 1", "is no finite number"),
        ("UPDATE throughput_metric SET value = 9e999 WHERE name = 'best_batch'", "of throughput 1 is no finite number"),
        ("UPDATE published SET value = 0.999 WHERE id = 1", "the paper's number 1 does not have its digest"),
        ("UPDATE protocol SET digest = 'sha256:0'", "protocol 1 does not have its digest"),
        ("UPDATE protocol SET name = 'pv-cells'", "protocol 1 does not have its digest, its name"),
        ("UPDATE protocol SET spec = replace(spec, '90', '95')", "protocol 1 does not have its digest"),
        ("UPDATE protocol SET spec = '{}'", "missing required field"),
        ("UPDATE protocol SET spec = json_set(spec, '$.later', 1)", "unknown field `later`"),
        ("UPDATE protocol SET spec = X'00ff'", "protocol 1 holds bytes"),
        ("UPDATE protocol SET first_seen = 'yesterday'", "cannot be used"),
        ('UPDATE environment SET identity = \'{"pillow":"1"}\'', "environment 1 does not have its digest"),
        ("UPDATE environment SET details = '[]'", "cannot be used"),
        ("UPDATE condition SET spec = replace(spec, '526', '527')", "condition 1 does not have its digest"),
        ("UPDATE condition SET samples = 527 WHERE id = 2", "condition 2 does not have its digest, or its columns"),
        ("UPDATE condition SET codec_id = 2 WHERE id = 2", "condition 2 points at another codec"),
        ("UPDATE condition SET geometry_id = 3 WHERE id = 2", "condition 2 points at another geometry"),
        ("UPDATE result SET cell = 'x' WHERE id = 2", "result 2 does not have the digest of its cell"),
        ("UPDATE result SET condition_id = 3 WHERE id = 2", "result 2 does not have the digest of its cell"),
        ("UPDATE result SET mitigation_id = 3 WHERE id = 2", "the mitigation of result 2 is a model"),
        ("UPDATE result SET outcomes = '../x' WHERE id = 2", "result 2 has no digest of its outcomes"),
        ("UPDATE result SET status = 'best' WHERE id = 2", "cannot be used"),
        ("UPDATE result SET tuning = '{}' WHERE id = 2", "missing required field"),
        ("UPDATE result SET created_at = 12 WHERE id = 2", "cannot be used"),
        ("UPDATE result SET reason = X'00ff' WHERE id = 2", "cannot be used"),
        ("UPDATE result SET reason = CAST(X'ff' AS TEXT) WHERE id = 2", "cannot be used"),
        ("UPDATE plugin SET digest = 'mine' WHERE id = 5", "plugin 5 has no digest"),
        ("UPDATE plugin SET kind = 'prize' WHERE id = 5", "Invalid enum value 'prize'"),
        ("UPDATE plugin SET card = '[]' WHERE id = 5", "cannot be used"),
        ("UPDATE throughput SET work = 'play'", "throughput 1 is of no work that is timed"),
        ("UPDATE throughput SET settings = '3'", "cannot be used"),
        ("UPDATE throughput SET reference_id = 1", "the model of throughput 1 is a dataset"),
        ("UPDATE verification SET plugin_id = 1", "Invalid enum value 'dataset'"),
        ("UPDATE verification SET protocol_id = 99", "a row of verification points at no protocol"),
        ("UPDATE verification SET differing = 27", "verification 1: the counts of predictions are not possible"),
        ("UPDATE verification SET compared = 'all'", "cannot be used"),
        ("UPDATE verification SET share = 2", "verification 1: the share is not in (0, 1]"),
        ("UPDATE verification SET date = 'yesterday'", "verification 1: 'yesterday' is no day"),
        ("UPDATE verification SET author = ' '", "verification 1: 'author' is empty"),
        ("UPDATE verification SET predictions_sha256 = 'x'", "verification 1: 'predictions_sha256' is no SHA-256"),
    ],
)
def test_what_no_suite_would_write_is_refused_although_the_manifest_agrees(board, target, statement, message):
    forge(board, statement)
    found = refused(board, target)
    assert str(board / "suite.db") in found
    assert message in found
    assert UNTOUCHED in found


def test_a_status_that_the_constraint_was_dropped_for_is_refused(board, target):
    text = "UPDATE sqlite_master SET sql = replace(sql, '''failed''', '''failed'', ''best''') WHERE type = 'table'"
    forge(board, "PRAGMA writable_schema=ON", text, "PRAGMA writable_schema=RESET")
    forge(board, "UPDATE result SET status = 'best' WHERE id = 2", "UPDATE throughput SET status = 'best'")
    assert "result 2 has the status 'best'" in refused(board, target)
    forge(board, "UPDATE result SET status = 'ok' WHERE id = 2")
    assert "throughput 1 has the status 'best'" in refused(board, target)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"digest": OTHER_DIGEST}, "it holds the results sha256:"),
        ({"protocols": ()}, "it holds other protocols than the manifest lists"),
        ({"counts": {**COUNTS, "result": 5}}, "it holds 4 rows of result, and the manifest lists 5"),
        ({"counts": {**COUNTS, "prizes": 1}}, "it holds 0 rows of prizes, and the manifest lists 1"),
    ],
    ids=["digest", "protocols", "counts", "unknown table"],
)
def test_a_manifest_that_says_other_things_than_the_database_is_refused(board, target, changes, message):
    reseal(board, manifest_of(board), **changes)
    assert message in refused(board, target)


def test_tables_of_samples_are_those_of_its_results(board, target):
    whole = manifest_of(board)
    path = file_of(board, "suite.outcomes")
    other = outcomes.write(board / "suite.outcomes", pa.table({"correct": [False]}))
    reseal(board, whole)
    assert "is of no result" in refused(board, target)
    stranger = outcomes.path_of(board / "suite.outcomes", other)
    stranger.replace(path)
    stranger.parent.rmdir()
    reseal(board, whole)
    assert f"{path} does not hold what its digest says" in refused(board, target)


def test_a_snapshot_without_its_database_is_only_for_reading(laboratory, target, tmp_path):
    laboratory.record_entry(TOY, {10: 0.5})
    snapshot.export(laboratory.path, tmp_path / "flat", formats=["parquet", "json"])
    assert "Export it again with --format sqlite" in refused(tmp_path / "flat", target, error=UsageError)
    assert snapshot.snapshot_digest(tmp_path / "flat").startswith("sha256:")


def test_a_database_inside_the_snapshot_is_no_target(board):
    before = bytes_below(board)
    for name in ("suite.db", "new.db"):
        with pytest.raises(UsageError, match="is in the snapshot itself"):
            snapshot.import_snapshot(board, board / name)
    assert bytes_below(board) == before


def test_a_target_that_cannot_be_used_is_left_alone(board, tmp_path):
    (tmp_path / "target").mkdir()
    path = tmp_path / "target" / "notes.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (x)")
    before = bytes_below(path.parent)
    with pytest.raises(StorageError, match="is a database of something else"):
        snapshot.import_snapshot(board, path)
    assert bytes_below(path.parent) == before


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system with room for an empty database and little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk]).returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def large(tmp_path) -> Laboratory:
    """A database that a small disk has no room for."""
    laboratory = Laboratory(tmp_path / "large")
    laboratory.store.record_protocol(TOY)
    for number in range(100):
        laboratory.record(result(condition(TOY, 10), None, model=f"net{number}", reason="x" * 2000))
    return laboratory


def test_a_full_disk_is_explained_and_leaves_nothing_half_done(large, small_disk, tmp_path, monkeypatch):
    with pytest.raises(StorageFull, match=f"no space left to write beside {small_disk}"):
        snapshot.export(large.path, small_disk / "board")
    assert list(small_disk.iterdir()) == []
    snapshot.export(large.path, tmp_path / "board")
    with pytest.raises(StorageFull, match=f"no space left to write beside {small_disk}"):
        snapshot.import_snapshot(tmp_path / "board", small_disk / "r.db")
    assert queries.results(open_for_reading(small_disk / "r.db")) == ()
    for path in small_disk.iterdir():
        path.unlink()
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    with pytest.raises(StorageFull, match=f"no space left to write beside {small_disk}"):
        snapshot.import_snapshot(tmp_path / "board", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_a_snapshot_of_an_older_schema_is_brought_up_to_date_in_a_copy(tmp_path, revision):
    board, same = tmp_path / "board", tmp_path / "same.db"
    board.mkdir()
    for path in (board / "suite.db", same):
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript((DUMPS / f"{revision}.sql").read_text(encoding="utf-8"))
    open_for_writing(same)
    made = snapshot.export(same, tmp_path / "now", formats=["sqlite"])
    known = {name: count for name, count in made.counts.items() if count}
    reseal(board, made, schema_revision=revision, counts=known)
    before = bytes_below(board)
    snapshot.import_snapshot(board, tmp_path / "copy.db")
    assert bytes_below(board) == before
    engines = [open_for_reading(path) for path in (tmp_path / "copy.db", same)]
    assert queries.results(engines[0]) == queries.results(engines[1]) != ()
    assert queries.published(engines[0]) == queries.published(engines[1])
    found = [queries.verifications(engine, TOY.digest) for engine in engines]
    assert found[0] == found[1]
    assert len(found[0]) == (revision >= "0005")
