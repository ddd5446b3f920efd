"""Merging boards: nothing comes twice, nothing is lost, whatever the order and whenever it is killed."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.api import Card
from suite.db import outcomes, queries, snapshot
from suite.db.engine import open_for_reading, open_for_writing
from suite.db.store import Store
from suite.spec import Environment, to_json
from tests.db.boards import OTHER, PER_SAMPLE, TOY, digest_of, everything, files_below, fill, python
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, ref, result, throughput
from tests.db.test_store import counts


@pytest.fixture
def filled(laboratory: Laboratory) -> Laboratory:
    fill(laboratory)
    return laboratory


def test_a_second_import_adds_nothing(filled, tmp_path):
    snapshot.export(filled.path, tmp_path / "board", with_outcomes=True)
    first = snapshot.import_snapshot(tmp_path / "board", tmp_path / "copy.db")
    before = everything(tmp_path / "copy.db")
    again = snapshot.import_snapshot(tmp_path / "board", tmp_path / "copy.db")
    assert again.tallies == {kind: (0, tally.added) for kind, tally in first.tallies.items()}
    assert everything(tmp_path / "copy.db") == before
    assert {tally.added for tally in snapshot.import_snapshot(tmp_path / "board", filled.path).tallies.values()} == {0}


def test_the_parts_of_a_board_add_up_to_it(filled, tmp_path):
    for name in ("toy", "other"):
        snapshot.export(filled.path, tmp_path / name, protocols=[name])
        snapshot.import_snapshot(tmp_path / name, tmp_path / "copy.db")
    found, was = (everything(path)[3:6] for path in (tmp_path / "copy.db", filled.path))
    assert sorted(to_json(each.stored.result) for each in found[0]) == sorted(
        to_json(each.stored.result) for each in was[0]
    )
    assert len(found[2][0]) + len(found[2][1]) == 2


def test_tables_that_are_missing_are_counted_and_come_with_a_later_import(filled, tmp_path):
    snapshot.export(filled.path, tmp_path / "without")
    snapshot.export(filled.path, tmp_path / "with", with_outcomes=True)
    copy = tmp_path / "copies" / "copy.db"
    assert snapshot.import_snapshot(tmp_path / "without", copy).missing == 2
    done = snapshot.import_snapshot(tmp_path / "with", copy)
    assert (done.missing, done.tallies["outcomes"], done.tallies["result"]) == (0, (2, 0), (0, 6))
    path = outcomes.path_of(copy.with_name("copy.outcomes"), outcomes.digest_of_table(PER_SAMPLE))
    path.write_bytes(path.read_bytes()[:-9])
    assert snapshot.import_snapshot(tmp_path / "with", copy).tallies["outcomes"] == (1, 1)
    assert outcomes.is_intact(copy.with_name("copy.outcomes"), outcomes.digest_of_table(PER_SAMPLE))


def test_results_of_another_machine_are_added_with_their_errata(filled, tmp_path):
    theirs = Laboratory(tmp_path / "theirs")
    there = Environment(identity={"pillow": "9"}, details={})
    numbers = theirs.record_entry(TOY, {10: 0.1, 90: 0.2}, where=there)
    theirs.store.add_erratum(numbers[90] or 0, author="bob", reason="blurred")
    before = queries.results(filled.engine)
    snapshot.export(theirs.path, tmp_path / "board")
    snapshot.import_snapshot(tmp_path / "board", filled.path)
    new = [each for each in queries.results(filled.engine) if each.environment == there.digest]
    assert [(str(each.result.cell.condition.value), [e.reason for e in each.errata]) for each in new] == [
        ("90", ["blurred"]),
        ("10", []),
    ]
    assert queries.results(filled.engine)[2:] == before
    theirs.store.add_erratum(numbers[10] or 0, author="bob", reason="blurred too")  # an erratum that came later
    snapshot.export(theirs.path, tmp_path / "later")
    done = snapshot.import_snapshot(tmp_path / "later", filled.path)
    assert {kind: tally.added for kind, tally in done.tallies.items() if tally.added} == {"erratum": 1}
    assert queries.result(filled.engine, new[1].id).stored.errata[0].reason == "blurred too"


def test_what_was_seen_first_stays(laboratory, tmp_path):
    laboratory.record_entry(TOY, {10: 0.5})
    theirs = Laboratory(tmp_path / "theirs")
    theirs.store.record_environment(Environment(identity=HERE.identity, details={"host": "another"}))
    card = {ref("model", "net"): Card(summary="a net")}
    theirs.store.record_protocol(TOY)
    theirs.record(result(condition(TOY, 10), 0.5), cards=card)
    snapshot.export(theirs.path, tmp_path / "board")
    snapshot.import_snapshot(tmp_path / "board", laboratory.path)
    details = queries.result(laboratory.engine, queries.results(laboratory.engine)[0].id)
    assert details.environment == HERE
    assert {each.card for each in details.plugins} == {None}


def test_rows_that_say_the_same_are_one(tmp_path):
    """Two identical results can come only of a clock that stands still."""
    laboratory = Laboratory(tmp_path)
    laboratory.store = Store(laboratory.engine, laboratory.path, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    laboratory.record_entry(TOY, {10: 0.5})
    laboratory.record_entry(TOY, {10: 0.5})
    laboratory.record_entry(TOY, {10: 0.25})
    snapshot.export(laboratory.path, tmp_path / "board")
    assert snapshot.import_snapshot(tmp_path / "board", tmp_path / "copy.db").tallies["result"] == (2, 0)


IMPORT_AND_STOP = """
import sys, time
from pathlib import Path
from suite.db import merge, snapshot
insert_all = merge.insert_all
def insert_and_stop(connection, table, rows):
    insert_all(connection, table, rows)
    if table.name == sys.argv[3]:
        print("inside", flush=True)
        time.sleep(60)
merge.insert_all = insert_and_stop
snapshot.import_snapshot(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("table", ["protocol", "result", "metric", "published"])
def test_an_import_that_is_killed_half_way_leaves_what_was_there(filled, tmp_path, table):
    mine = Laboratory(tmp_path / "mine")
    mine.record_entry(TOY, {10: 0.3})
    before, rows = everything(mine.path), counts(mine)
    snapshot.export(filled.path, tmp_path / "board", with_outcomes=True)
    with python(IMPORT_AND_STOP, tmp_path / "board", mine.path, table) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert (everything(mine.path), counts(mine)) == (before, rows)
    snapshot.import_snapshot(tmp_path / "board", mine.path)
    assert counts(mine)["result"] == rows["result"] + counts(filled)["result"]


IMPORT = """
import sys
from pathlib import Path
from suite.db import snapshot
print(snapshot.import_snapshot(Path(sys.argv[1]), Path(sys.argv[2])).tallies["result"].added)
"""


def test_two_imports_at_once_add_each_row_once(filled, tmp_path):
    snapshot.export(filled.path, tmp_path / "board", with_outcomes=True)
    open_for_writing(tmp_path / "copy.db")
    with (
        python(IMPORT, tmp_path / "board", tmp_path / "copy.db") as one,
        python(IMPORT, tmp_path / "board", tmp_path / "copy.db") as other,
    ):
        added = sorted(int(child.communicate(timeout=60)[0]) for child in (one, other))
    assert added == [0, 6]
    assert digest_of(tmp_path / "copy.db") == digest_of(filled.path)


QUALITIES = st.sampled_from([None, 10, 90])
RESULTS = st.fixed_dictionaries(
    {
        "spec": st.sampled_from([TOY, OTHER]),
        "quality": QUALITIES,
        "top1": st.floats(0, 1) | st.none(),
        "model": st.sampled_from(["net", "nét\n'\""]),
        "mitigation": st.sampled_from(["none", "restore"]),
        "limit": st.sampled_from([None, 7]),
        "conformant": st.booleans(),
        "where": st.sampled_from([HERE, ELSEWHERE]),
        "bits": st.none() | st.lists(st.booleans(), min_size=1, max_size=3),
        "erratum": st.booleans(),
        "timed": st.booleans(),
        "verified": st.booleans(),
        "new_run": st.booleans(),
    }
)


def record_all(laboratory: Laboratory, given_results: list[dict[str, Any]]) -> None:
    """Record what hypothesis drew."""
    for each in given_results:
        spec, on = each["spec"], condition(each["spec"], each["quality"], limit=each["limit"])
        laboratory.store.record_protocol(spec)
        if each["new_run"]:
            laboratory.run = laboratory.store.begin_run(["suite", "run", spec.name])
        named = {name: each[name] for name in ("model", "mitigation", "conformant")}
        measured = result(on, each["top1"], reason="" if each["top1"] is not None else "boom", **named)
        table = None if each["bits"] is None else pa.table({"correct": each["bits"]})
        number = laboratory.record(measured, each["where"], outcomes=table)
        if each["erratum"]:
            laboratory.store.add_erratum(number, author="ada", reason="why")
        if each["timed"]:
            laboratory.record_throughput(throughput(spec), each["where"])
        if each["verified"]:
            plugin = measured.cell.model
            laboratory.record_verification(spec, each["where"], plugin=plugin, limit=each["limit"])


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """An empty database, to be copied: making one takes most of a second."""
    path = tmp_path_factory.mktemp("empty") / "results.db"
    open_for_writing(path)
    return path


def laboratory_in(directory: Path, empty: Path) -> Laboratory:
    directory.mkdir()
    shutil.copy(empty, directory / "results.db")
    return Laboratory(directory)


@pytest.fixture
def scratch() -> Iterator[Any]:
    """Directories, one for each example."""
    made: list[tempfile.TemporaryDirectory[str]] = []

    def directory() -> Path:
        made.append(tempfile.TemporaryDirectory())
        return Path(made[-1].name)

    yield directory
    for each in made:
        each.cleanup()


@settings(max_examples=15, suppress_health_check=["function_scoped_fixture"])  # each example has its own directory
@given(drawn=st.lists(RESULTS, max_size=8))
def test_whatever_was_measured_comes_back(scratch, empty, drawn):
    directory = scratch()
    laboratory = laboratory_in(directory / "here", empty)
    record_all(laboratory, drawn)
    made = snapshot.export(laboratory.path, directory / "board", with_outcomes=True)
    snapshot.import_snapshot(directory / "board", directory / "copy.db")
    assert everything(directory / "copy.db") == everything(laboratory.path)
    assert snapshot.export(directory / "copy.db", directory / "again", with_outcomes=True).digest == made.digest
    assert files_below(directory / "copy.outcomes") == files_below(directory / "here" / "results.outcomes")


@settings(max_examples=10, suppress_health_check=["function_scoped_fixture"])  # each example has its own directory
@given(shared=st.lists(RESULTS, max_size=3), ours=st.lists(RESULTS, max_size=4), theirs=st.lists(RESULTS, max_size=4))
def test_boards_merge_to_the_same_in_either_order(scratch, empty, shared, ours, theirs):
    directory = scratch()
    first = laboratory_in(directory / "first", empty)
    record_all(first, shared)
    with closing(sqlite3.connect(first.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    second = laboratory_in(directory / "second", first.path)
    record_all(first, ours)
    record_all(second, theirs)
    boards = [directory / "a", directory / "b"]
    for laboratory, board in zip((first, second), boards, strict=True):
        snapshot.export(laboratory.path, board)
    merged = [directory / "ab.db", directory / "ba.db"]
    for path, order in zip(merged, (boards, boards[::-1]), strict=True):
        for board in order:
            snapshot.import_snapshot(board, path)
    assert digest_of(merged[0]) == digest_of(merged[1])
    said = [sorted(to_json(replace(each, id=0, run=0)) for each in without_numbers(path)) for path in merged]
    assert said[0] == said[1]
    assert len(said[0]) == len(shared) + len(ours) + len(theirs)


def without_numbers(path: Path) -> list[queries.StoredResult]:
    """The results of a database, their errata without numbers of their own."""
    return [
        replace(each, errata=tuple(replace(erratum, id=0) for erratum in each.errata))
        for each in queries.results(open_for_reading(path))
    ]


def test_what_was_measured_last_counts_in_whatever_order_boards_are_merged(tmp_path):
    """An old board that is imported late does not push out newer results, here or of another machine."""
    boards = [tmp_path / "old", tmp_path / "new"]
    for day, board in enumerate(boards, start=1):
        laboratory = Laboratory(tmp_path / f"{day}")
        laboratory.store = Store(
            laboratory.engine, laboratory.path, clock=lambda day=day: datetime(2026, 1, day, tzinfo=UTC)
        )
        laboratory.record_entry(TOY, {None: 0.9, 10: 0.1 * day, 90: 0.8})
        laboratory.record_entry(TOY, {None: 0.9, 10: 0.1 * day, 90: 0.8}, model="two", where=(HERE, ELSEWHERE)[day - 1])
        snapshot.export(laboratory.path, board)
    for order in (boards, boards[::-1]):
        path = tmp_path / f"{order[0].name}.db"
        for board in order:
            snapshot.import_snapshot(board, path)
        found = queries.ranking(open_for_reading(path), TOY.digest, released=True).ranked
        assert [(row.model.name, row.drops[0].drop) for row in found] == [
            ("net", pytest.approx(0.7)),
            ("two", pytest.approx(0.7)),
        ]
