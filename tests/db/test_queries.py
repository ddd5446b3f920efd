from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.api import Card
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.db.pairs import models_named
from suite.errors import UsageError
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, result

TOY = protocol()
Q10, Q90 = condition(TOY, 10), condition(TOY, 90)


@pytest.fixture
def filled(laboratory: Laboratory) -> Laboratory:
    laboratory.store.record_protocol(TOY)
    return laboratory


def done(laboratory: Laboratory, digest: str = HERE.digest) -> set[str]:
    return queries.done_cells(laboratory.engine, digest)


def test_a_cell_is_done_where_it_was_measured(filled):
    filled.record(result(Q10, 0.5))
    filled.record(result(Q90, 0.5), ELSEWHERE)
    assert done(filled) == {result(Q10, 0.5).cell.digest}
    assert done(filled, ELSEWHERE.digest) == {result(Q90, 0.5).cell.digest}
    assert done(filled, "sha256:nowhere") == set()


def test_a_cell_that_failed_last_is_not_done(filled):
    filled.record(result(Q10, 0.5))
    filled.record(result(Q10, None, reason="boom"))
    assert done(filled) == set()
    filled.record(result(Q10, 0.5))
    assert done(filled) == {result(Q10, 0.5).cell.digest}


def test_a_withdrawn_cell_is_not_done_until_it_is_measured_again(filled):
    number = filled.record(result(Q10, 0.5))
    filled.store.add_erratum(number, author="ada", reason="wrong weights")
    assert done(filled) == set()
    filled.record(result(Q10, 0.5))
    assert done(filled) == {result(Q10, 0.5).cell.digest}


def test_protocols_come_with_their_results_counted(filled):
    other = protocol("other")
    filled.store.record_protocol(other)
    filled.record_entry(TOY, {10: 0.5, 90: 0.8})
    found = queries.protocols(filled.engine)
    assert [(p.label, p.digest, p.results, p.spec) for p in found] == [
        ("other@1", other.digest, 0, other),
        ("toy@1", TOY.digest, 2, TOY),
    ]


def test_results_are_newest_first_and_narrowed_by_every_filter(filled):
    other = protocol("other")
    filled.store.record_protocol(other)
    first = filled.record(result(Q10, 0.5))
    second = filled.record(result(Q10, 0.5, model="big"))
    third = filled.record(result(Q90, None, reason="boom"))
    fourth = filled.record(result(condition(other, 10), 0.5))

    def ids(*arguments: object, **filters: object) -> list[int]:
        return [found.id for found in queries.results(filled.engine, *arguments, **filters)]  # type: ignore[arg-type]

    assert ids() == [fourth, third, second, first]
    assert ids(limit=2) == [fourth, third]
    assert ids(TOY.digest) == [third, second, first]
    assert ids(model="net") == [fourth, third, first]
    assert ids(model="none") == []  # the name of a mitigation
    assert ids(status="failed") == [third]
    assert ids(TOY.digest, model="net", status="ok", limit=5) == [first]
    assert ids(run_id=filled.run + 1) == []
    assert ids(cell=result(Q10, 0.5).cell.digest) == [first]
    assert ids(cell=result(Q10, 0.5).cell.digest, model="big") == []


def test_errata_are_those_of_a_protocol_or_all(filled):
    other = protocol("other")
    filled.store.record_protocol(other)
    first, second = filled.record(result(Q10, 0.5)), filled.record(result(condition(other, 10), 0.5))
    filled.record(result(Q90, 0.5))
    for number in (first, second):
        filled.store.add_erratum(number, author="ada", reason="why")
    assert [found.id for found in queries.errata(filled.engine)] == [second, first]
    assert [found.id for found in queries.errata(filled.engine, TOY.digest)] == [first]


def test_a_result_has_its_own_metrics_and_errata(filled):
    first, second = filled.record(result(Q10, 0.25)), filled.record(result(Q90, 0.75))
    filled.store.add_erratum(first, author="ada", reason="why")
    newer, older = queries.results(filled.engine)
    assert (older.id, older.measure("top1").value, [e.reason for e in older.errata]) == (first, 0.25, ["why"])
    assert (newer.id, newer.measure("top1").value, newer.errata) == (second, 0.75, ())
    assert newer.measure("auc") is None
    assert (older.counts, newer.counts) == (False, True)


def test_failures_are_those_of_one_run(filled):
    number = filled.record(result(Q10, None, reason="boom"))
    filled.record(result(Q90, 0.5))
    filled.run = filled.store.begin_run(["suite", "run", "again"])
    filled.record(result(Q90, None, reason="later"))
    (failure,) = queries.failures(filled.engine, filled.run - 1)
    assert (failure.id, failure.result.reason, failure.run) == (number, "boom", filled.run - 1)


def test_no_such_result(filled):
    with pytest.raises(UsageError, match="There is no result 7"):
        queries.result(filled.engine, 7)


def test_plugins_come_with_the_card_they_were_first_seen_with(filled):
    net = ref("model", "net")
    filled.record(result(Q10, 0.5), cards={net: Card(summary="a net", authors="ada")})
    filled.record(result(Q10, 0.5), cards={net: Card(summary="another")})
    found = queries.plugins(filled.engine)
    assert [(p.ref.kind, p.ref.name) for p in found] == [
        ("codec", "jpeg"),
        ("dataset", "cells"),
        ("mitigation", "none"),
        ("model", "net"),
    ]
    assert [p.card for p in found] == [None, None, None, Card(summary="a net", authors="ada")]


def test_a_reader_sees_the_same_while_a_writer_has_it_open(filled):
    filled.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    reader = open_for_reading(filled.path)
    assert queries.results(reader) == queries.results(filled.engine)
    assert queries.ranking(reader, TOY.digest, released=True) == queries.ranking(
        filled.engine, TOY.digest, released=True
    )


def test_environments_and_runs_come_by_their_names(filled):
    filled.record(result(Q10, 0.5))
    first = filled.run
    filled.run = filled.store.begin_run(["suite", "run", "other"])
    filled.record(result(Q10, 0.5), ELSEWHERE)
    assert queries.environments(filled.engine, [HERE.digest, "sha256:unknown"]) == {HERE.digest: HERE}
    assert queries.environments(filled.engine, []) == {}
    found = queries.runs(filled.engine, [first, filled.run, first])
    assert [(run.id, run.command[-1]) for run in found] == [(filled.run, "other"), (first, "toy")]


@pytest.mark.parametrize("name", ["net", "net + fix", "a + b", "a + b + fix"])
def test_entries_are_paired_whatever_their_models_are_called(filled, name):
    model, _, mitigation = name.rpartition(" + ") if name.endswith("fix") else (name, "", "none")
    filled.record(result(Q10, 0.5, model=model, mitigation=mitigation))
    filled.record(result(Q10, 0.6, model="other"))
    filled.record(result(Q10, 0.7, model="a", mitigation="b2"))
    (found,) = queries.pairs(filled.engine, TOY.digest, name, "other")
    assert (found.first.result.cell.model.name, found.first.result.cell.mitigation.name) == (model, mitigation)


NAMES = st.text("ab +", min_size=1)


@given(NAMES, NAMES)
def test_an_entrys_model_is_among_those_that_its_name_may_mean(model, mitigation):
    assert model in models_named("other", model)
    assert model in models_named(f"{model} + {mitigation}", "other")


def test_a_misspelt_entry_is_told_every_name(filled):
    for model in ("net", "other"):
        filled.record(result(Q10, 0.5, model=model))
    with pytest.raises(UsageError, match=r"There are: net, other\. Did you mean 'other'"):
        queries.pairs(filled.engine, TOY.digest, "net", "othr")
