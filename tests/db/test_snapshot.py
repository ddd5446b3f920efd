"""Snapshots: what comes out is what went in. Merging and damage have files of their own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow.parquet
import pytest

from suite import __version__
from suite.db import contents, outcomes, queries, schema, snapshot
from suite.db.engine import open_for_reading
from suite.errors import DamagedOutcomes, MissingDatabase, UnknownProtocol, UsageError
from suite.published import STUDIES, numbers_of
from tests.db.boards import OTHER, PER_FRAME, PER_SAMPLE, TOY, digest_of, everything, files_below, fill, python
from tests.db.measured import ELSEWHERE, Laboratory, condition, protocol, result, throughput
from tests.db.test_store import counts


@pytest.fixture
def filled(laboratory: Laboratory) -> Laboratory:
    fill(laboratory)
    return laboratory


def test_a_database_comes_back_as_it_was(filled, tmp_path):
    made = snapshot.export(filled.path, tmp_path / "board", with_outcomes=True)
    done = snapshot.import_snapshot(tmp_path / "board", tmp_path / "new" / "copy.db")
    assert everything(tmp_path / "new" / "copy.db") == everything(filled.path)
    assert {kind: tally.added for kind, tally in done.tallies.items()} == {
        "protocol": 2,
        "environment": 2,
        "plugin": 7,
        "run": 1,
        "condition": 5,
        "result": 6,
        "erratum": 1,
        "throughput": 2,
        "verification": 2,
        "published": 5,
        "outcomes": 2,
    }
    assert {tally.known for tally in done.tallies.values()} == {0}
    assert (done.manifest, done.missing) == (made, 0)
    for table in (PER_SAMPLE, PER_FRAME):
        assert outcomes.read(tmp_path / "new" / "copy.outcomes", outcomes.digest_of_table(table)).equals(table)


def test_the_manifest_says_what_is_in_the_folder(filled, tmp_path):
    before = datetime.now(UTC)
    made = snapshot.export(filled.path, tmp_path / "board", with_outcomes=True)
    assert made == msgspec.json.decode((tmp_path / "board" / "manifest.json").read_bytes(), type=snapshot.Manifest)
    assert (made.format, made.suite_version, made.schema_revision) == (1, __version__, schema.REVISIONS[-1])
    assert before <= made.created_at <= datetime.now(UTC)
    assert [(each.protocol, each.digest) for each in made.protocols] == [
        ("other@1", OTHER.digest),
        ("toy@1", TOY.digest),
    ]
    assert made.counts == counts(filled)
    assert files_below(tmp_path / "board") == {*made.files, "manifest.json"}
    of_tables = {outcomes.path_of(Path("suite.outcomes"), outcomes.digest_of_table(t)) for t in (PER_SAMPLE, PER_FRAME)}
    assert {*made.files} == {"suite.db", "results.parquet", "results.json", *map(str, of_tables)}
    sums = "".join(f"{each.sha256.removeprefix('sha256:')}  {name}\n" for name, each in made.files.items())
    subprocess.run(["sha256sum", "--check", "--strict"], cwd=tmp_path / "board", input=sums.encode(), check=True)
    assert all(each.size_bytes == (tmp_path / "board" / name).stat().st_size for name, each in made.files.items())


def test_the_same_rows_have_the_same_digest_whatever_their_numbers(filled, tmp_path):
    first = snapshot.export(filled.path, tmp_path / "a")
    assert snapshot.snapshot_digest(tmp_path / "a") == first.digest == digest_of(filled.path)
    assert snapshot.export(filled.path, tmp_path / "b", formats=["json"]).digest == first.digest
    other = Laboratory(tmp_path / "elsewhere")
    other.record_entry(OTHER, {10: 0.6}, where=ELSEWHERE)
    both = tmp_path / "both.db"
    for name, path in (("theirs", other.path), ("ours", filled.path)):
        snapshot.export(path, tmp_path / name)
        snapshot.import_snapshot(tmp_path / name, both)
    snapshot.import_snapshot(tmp_path / "theirs", filled.path)
    assert digest_of(both) == digest_of(filled.path) != first.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda lab: lab.record(result(condition(TOY, 10), 0.5)),
        lambda lab: lab.store.add_erratum(1, author="ada", reason="why"),
        lambda lab: lab.record_throughput(throughput(TOY)),
        lambda lab: lab.record_verification(TOY, author="Bob"),
        lambda lab: lab.store.import_published(numbers_of(STUDIES[0])[:1]),
        lambda lab: lab.store.begin_run(["suite"]),
        lambda lab: lab.store.record_protocol(protocol("third")),
    ],
    ids=["result", "erratum", "throughput", "verification", "published", "run", "protocol"],
)
def test_any_new_row_is_another_digest(filled, change):
    before = digest_of(filled.path)
    change(filled)
    assert digest_of(filled.path) != before


def test_every_column_is_decided_on():
    """A new column must say whether it belongs to a row's identity: else two different rows would be one."""
    beside = {
        "protocol": {"name", "version", "spec", "first_seen"},  # what the digest covers, and when
        "environment": {"identity", "details", "first_seen"},
        "plugin": {"card"},
        "condition": {column.name for column in schema.condition.columns} - {"id", "digest"},
        "published": {column.name for column in schema.published.columns} - {"id", "digest"},
    }
    for name, identity in contents.IDENTITY.items():
        columns = {column.name for column in schema.metadata.tables[name].columns} - {"id"}
        assert columns == {*identity} | beside.get(name, set())
    known = {*contents.IDENTITY, *(table.name for table in (*contents.MEASURES.values(), *schema.DERIVED))}
    assert known == {*schema.metadata.tables}


def test_an_export_of_one_protocol_holds_it_and_nothing_else(filled, tmp_path):
    made = snapshot.export(filled.path, tmp_path / "board", protocols=["other@1"])
    one = ("protocol", "environment", "run", "condition", "result", "metric")
    empty = {table.name: 0 for table in schema.metadata.sorted_tables if table not in schema.DERIVED}
    assert made.counts == empty | dict.fromkeys(one, 1) | {"plugin": 4}
    assert set(made.files) == {"suite.db", "results.parquet", "results.json"}
    snapshot.import_snapshot(tmp_path / "board", tmp_path / "copy.db")
    (found,) = queries.results(open_for_reading(tmp_path / "copy.db"))
    (was,) = queries.results(filled.engine, OTHER.digest)
    assert replace(found, id=was.id) == was


def test_protocols_are_named_by_label_name_or_digest(filled, tmp_path):
    newer = msgspec.structs.replace(TOY, version=2)
    filled.record_entry(newer, {10: 0.5})

    def exported(number, *names):
        made = snapshot.export(filled.path, tmp_path / f"{number}", protocols=names, formats=["sqlite"])
        return [each.protocol for each in made.protocols]

    named = [["toy@1"], ["toy"], [OTHER.digest], ["other", "toy@1"], []]
    expected = [["toy@1"], ["toy@2"], ["other@1"], ["other@1", "toy@1"], ["other@1", "toy@1", "toy@2"]]
    assert [exported(number, *names) for number, names in enumerate(named)] == expected
    with pytest.raises(UnknownProtocol, match="Did you mean 'toy@2'"):
        exported("x", "toy@3")
    assert not (tmp_path / "x").exists()


def test_the_flat_files_hold_every_result(filled, tmp_path):
    snapshot.export(filled.path, tmp_path / "board")
    listed = json.loads((tmp_path / "board" / "results.json").read_text(encoding="utf-8"))
    rows = pyarrow.parquet.read_table(tmp_path / "board" / "results.parquet").to_pylist()
    stored = queries.results(filled.engine)[::-1]
    assert [each["result"] for each in listed] == [each.id for each in stored]
    assert [row["result"] for row in rows] == [each.id for each in stored]  # each of them has one metric or none
    for each, row, was in zip(listed, rows, stored, strict=True):
        on, measures = was.result.cell.condition, was.result.measures
        assert {name: found["value"] for name, found in each["metrics"].items()} == {m.name: m.value for m in measures}
        expected = (measures[0].name, measures[0].value, measures[0].low, measures[0].high) if measures else (None,) * 4
        assert tuple(row[name] for name in ("metric", "metric_value", "metric_low", "metric_high")) == expected
        assert datetime.fromisoformat(each["created_at"]) == row["created_at"] == was.created_at
        assert json.loads(row["parameters"]) == each["parameters"] == on.parameters
        assert [found["reason"] for found in each["errata"]] == [found.reason for found in was.errata]
        assert json.loads(row["errata"]) == [{**e, "at": e["at"].replace("Z", "+00:00")} for e in each["errata"]]
        same = set(each) - {"metrics", "errata", "created_at", "parameters"}
        assert {name: each[name] for name in same} == {name: row[name] for name in same}
        assert (each["setting_number"], each["setting"], each["limit"]) == (on.value, str(on.value), on.limit)
        assert (each["protocol_digest"], each["model"], each["status"]) == (
            *(on.protocol, was.result.cell.model.name, was.result.status),
        )


def test_an_empty_database_has_a_snapshot(laboratory, tmp_path):
    made = snapshot.export(laboratory.path, tmp_path / "board", with_outcomes=True)
    assert made.counts["result"] == 0
    assert json.loads((tmp_path / "board" / "results.json").read_text(encoding="utf-8")) == []
    assert pyarrow.parquet.read_table(tmp_path / "board" / "results.parquet").num_rows == 0
    assert snapshot.import_snapshot(tmp_path / "board", tmp_path / "copy.db").tallies["run"].added == 1


def test_an_empty_folder_is_used_and_a_full_one_refused(filled, tmp_path):
    (tmp_path / "empty").mkdir()
    snapshot.export(filled.path, tmp_path / "empty")
    whole = (tmp_path / "empty" / "manifest.json").read_bytes()
    (tmp_path / "file").touch()
    for taken in (tmp_path / "empty", tmp_path / "file"):
        with pytest.raises(UsageError, match="is there already"):
            snapshot.export(filled.path, taken)
    assert (tmp_path / "empty" / "manifest.json").read_bytes() == whole


def test_an_export_that_fails_leaves_nothing(filled, tmp_path):
    outcomes.path_of(tmp_path / "results.outcomes", outcomes.digest_of_table(PER_FRAME)).write_bytes(b"PAR1")
    folder = tmp_path / "exports" / "board"
    with pytest.raises(DamagedOutcomes):
        snapshot.export(filled.path, folder, with_outcomes=True)
    assert list(folder.parent.iterdir()) == []
    with pytest.raises(UsageError, match="among sqlite, parquet, json, but got csv"):
        snapshot.export(filled.path, folder, formats=["csv"])
    with pytest.raises(MissingDatabase):
        snapshot.export(tmp_path / "absent.db", folder)
    assert list(folder.parent.iterdir()) == []


def test_a_snapshot_is_a_database_that_can_be_read_where_it_is(filled, tmp_path):
    snapshot.export(filled.path, tmp_path / "board", with_outcomes=True)
    whole = files_below(tmp_path / "board")
    assert everything(tmp_path / "board" / "suite.db") == everything(filled.path)
    assert files_below(tmp_path / "board") == whole
    assert snapshot.verify(tmp_path / "board").manifest.counts == counts(filled)


RECORD_UNTIL_KILLED = """
import sys
from pathlib import Path
from tests.db.measured import Laboratory, condition, protocol, result
laboratory = Laboratory(Path(sys.argv[1]))
laboratory.store.record_protocol(protocol())
while True:
    for quality in (None, 10, 90):
        laboratory.record(result(condition(protocol(), quality), 0.5))
    print("recorded", flush=True)
"""


def test_a_board_is_exported_while_a_run_writes_to_it(tmp_path):
    with python(RECORD_UNTIL_KILLED, tmp_path) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        made = [snapshot.export(tmp_path / "results.db", tmp_path / f"{n}") for n in range(3)]
        writer.kill()
    totals = [each.counts["result"] for each in made]
    assert totals == sorted(totals)
    for number, total in enumerate(totals):
        held = snapshot.verify(tmp_path / f"{number}")
        assert len(held.contents["result"]) == total == made[number].counts["metric"]
        assert len(json.loads((tmp_path / f"{number}" / "results.json").read_text(encoding="utf-8"))) == total
