"""Timings in the database: what goes in comes out, protocol by protocol and run by run, and nothing else does."""

from __future__ import annotations

import math

import pytest
from sqlalchemy.exc import IntegrityError

from suite.api import Card
from suite.db import queries
from suite.errors import StorageError
from suite.spec import Measure
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, throughput

TOY, OTHER = protocol(), protocol("other")


@pytest.fixture
def filled(laboratory: Laboratory) -> Laboratory:
    laboratory.store.record_protocol(TOY)
    laboratory.store.record_protocol(OTHER)
    return laboratory


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "unverified", "reason": "no run", "steady": False, "mitigation": ref("mitigation", "restore")},
        {"status": "failed", "reason": "boom", "steady": None, "reference": None, "measures": ()},
        {"work": "training", "reason": "no step at batch 1"},
        {"work": "codec", "condition": condition(TOY, 10), "model": None, "mitigation": None, "reference": None},
    ],
    ids=["entry", "unverified", "failed", "training", "codec"],
)
def test_a_timing_comes_back_as_it_was_recorded(filled, changes):
    given = throughput(TOY, **changes)
    number = filled.record_throughput(given)
    (found,) = queries.throughput(filled.engine, TOY.digest)
    assert found.throughput == given
    assert (found.id, found.run, found.protocol, found.environment) == (number, filled.run, "toy@1", HERE.digest)


def test_timings_are_those_of_one_protocol_newest_first_and_narrowed_by_run(filled):
    first = filled.record_throughput(throughput(TOY))
    filled.record_throughput(throughput(OTHER))
    filled.run = filled.store.begin_run(["suite", "throughput", "toy"])
    second = filled.record_throughput(throughput(TOY), ELSEWHERE)
    found = queries.throughput(filled.engine, TOY.digest)
    assert [(each.id, each.environment) for each in found] == [(second, ELSEWHERE.digest), (first, HERE.digest)]
    assert [each.id for each in queries.throughput(filled.engine, TOY.digest, run_id=filled.run)] == [second]
    assert queries.throughput(filled.engine, "sha256:nothing") == ()


def test_a_timing_is_no_result(filled):
    filled.record_throughput(throughput(TOY))
    assert queries.results(filled.engine) == ()
    ranking = queries.ranking(filled.engine, TOY.digest, released=True)
    assert (ranking.ranked, ranking.unranked) == ((), ())
    assert queries.done_cells(filled.engine, HERE.digest) == set()


def test_plugins_that_were_only_timed_are_known_with_their_cards(filled):
    net = ref("model", "net")
    environment = filled.store.record_environment(HERE)
    filled.store.record_throughput(
        throughput(TOY), run=filled.run, environment=environment, cards={net: Card(summary="a net")}
    )
    cards = {str(each.ref): each.card for each in queries.plugins(filled.engine) if each.ref.kind == "model"}
    assert cards == {"net@1": Card(summary="a net")}


@pytest.mark.parametrize(
    ("measures", "message"),
    [
        ((Measure(name="best_batch", value=math.inf),), "net: Expected the value of the metric 'best_batch'"),
        ((Measure(name="best_batch", value=1.0),) * 2, "net: the metric 'best_batch' comes twice"),
    ],
)
def test_a_measure_that_is_no_number_or_comes_twice_is_refused(filled, measures, message):
    with pytest.raises(StorageError, match=message):
        filled.record_throughput(throughput(TOY, measures=measures))
    assert queries.throughput(filled.engine, TOY.digest) == ()


def test_a_timing_of_an_unknown_protocol_environment_or_run_is_refused(filled):
    with pytest.raises(StorageError, match=r"The protocol .* is not recorded"):
        filled.record_throughput(throughput(protocol("third")))
    with pytest.raises(StorageError, match="The environment sha256:0 is not recorded"):
        filled.store.record_throughput(throughput(TOY), run=filled.run, environment="sha256:0")
    environment = filled.store.record_environment(HERE)
    with pytest.raises(StorageError, match="The run 99 is not recorded"):
        filled.store.record_throughput(throughput(TOY), run=99, environment=environment)
    assert queries.throughput(filled.engine, TOY.digest) == ()


def test_a_reason_that_is_no_valid_text_is_kept_readable(filled):
    filled.record_throughput(throughput(TOY, status="failed", reason="no file \udcff.jpg"))
    assert queries.throughput(filled.engine, TOY.digest)[0].throughput.reason == r"no file \udcff.jpg"


def test_a_status_of_another_kind_is_refused_by_the_database(filled):
    with pytest.raises((StorageError, IntegrityError)):
        filled.record_throughput(throughput(TOY, status="fast"))
