"""The papers' numbers in the database: each once, for ever, and apart from everything measured."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import msgspec
import pytest

from suite.db import queries, schema
from suite.db.engine import open_for_writing
from suite.published import STUDIES, numbers_of
from tests.db.measured import protocol
from tests.db.test_engine import DUMPS

TOY = protocol()
EHRLICH, MARIE, _ = STUDIES


def test_importing_twice_adds_nothing(laboratory):
    counts = [[laboratory.store.import_published(numbers_of(study)) for study in STUDIES] for _ in range(2)]
    assert counts == [[841, 80, 10], [0, 0, 0]]
    assert queries.published(laboratory.engine) == tuple(n for study in STUDIES for n in numbers_of(study))


def test_numbers_are_found_by_study_model_and_task(laboratory):
    for study in STUDIES:
        laboratory.store.import_published(numbers_of(study))
    found = queries.published
    assert found(laboratory.engine, "marie2022") == numbers_of(MARIE)
    assert {each.source for each in found(laboratory.engine, task="forensics")} == {"ehrlich2020"}
    assert len(found(laboratory.engine, "ehrlich2020", model="ResNet-50", task="classification")) == 46
    assert found(laboratory.engine, "marie2022", model="ResNet-50") == ()


def test_of_a_number_that_was_transcribed_again_the_newer_counts(laboratory):
    old = numbers_of(MARIE)[0]
    new = msgspec.structs.replace(old, value=0.5)
    assert [laboratory.store.import_published([each]) for each in (old, new, old)] == [1, 1, 0]
    assert queries.published(laboratory.engine) == (new,)


def test_published_numbers_are_in_no_ranking_and_no_list_of_results(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})

    def measured():
        engine = laboratory.engine
        return (
            queries.ranking(engine, TOY.digest, released=True),
            queries.results(engine),
            queries.protocols(engine),
            queries.plugins(engine),
        )

    before = measured()
    assert len(before[0].ranked) == 1
    for study in STUDIES:
        laboratory.store.import_published(numbers_of(study))
    assert measured() == before


def test_a_database_of_the_first_schema_takes_them(tmp_path):
    path = tmp_path / "results.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / "0001.sql").read_text(encoding="utf-8"))
    assert queries.published(open_for_writing(path)) == ()


def test_numbers_of_the_second_schema_are_kept(tmp_path):
    path = tmp_path / "results.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / "0002.sql").read_text(encoding="utf-8"))
    assert queries.published(open_for_writing(path)) == (*numbers_of(EHRLICH)[:2], *numbers_of(MARIE)[8:10])


def test_a_corrected_number_cannot_push_out_the_old_one(laboratory):
    laboratory.store.import_published(numbers_of(MARIE)[:1])
    names = ", ".join(f'"{column.name}"' for column in schema.published.columns if column.name != "id")
    again = f"INSERT OR REPLACE INTO published ({names}) SELECT {names} FROM published"  # noqa: S608 - constants
    with (
        closing(sqlite3.connect(laboratory.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="published is append-only"),
    ):
        connection.execute(again)
