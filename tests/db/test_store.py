from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pyarrow as pa
import pytest
from sqlalchemy import func, select

from suite import __version__
from suite.api import Card
from suite.db import outcomes, queries, schema
from suite.db.store import Store
from suite.errors import StorageError, UsageError
from suite.spec import Measure
from tests.db.measured import HERE, SAMPLES, Laboratory, condition, protocol, ref, result

TOY = protocol()
PER_SAMPLE = pa.table({"correct": [True, False]})
PER_FRAME = pa.table({"bytes": [10, 20]})


def counts(laboratory: Laboratory) -> dict[str, int]:
    with laboratory.engine.connect() as connection:
        tables = [table for table in schema.metadata.sorted_tables if table not in schema.DERIVED]
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def test_a_result_comes_back_as_it_was_recorded(laboratory):
    laboratory.store.record_protocol(TOY)
    given = msgspec.structs.replace(
        result(condition(TOY, 10, geometry=ref("model", "net"), limit=7), 0.5),
        measures=(Measure(name="top1", value=1 / 3, low=0.25), Measure(name="auc", value=0.5)),
    )
    before = datetime.now(UTC)
    number = laboratory.record(
        given, cards={ref("model", "net"): Card(summary="a net")}, outcomes=PER_SAMPLE, frames=PER_FRAME
    )
    details = queries.result(laboratory.engine, number)
    found = details.stored
    digests = {name: outcomes.digest_of_table(t) for name, t in [("outcomes", PER_SAMPLE), ("frames", PER_FRAME)]}
    assert sorted(found.result.measures, key=str) == sorted(given.measures, key=str)
    assert msgspec.structs.replace(found.result, measures=given.measures) == msgspec.structs.replace(given, **digests)
    assert (found.id, found.protocol, found.environment, found.errata) == (number, "toy@1", HERE.digest, ())
    assert before <= found.created_at <= datetime.now(UTC)
    assert details.environment == HERE
    assert (details.run.command, details.run.suite_version) == (("suite", "run", "toy"), __version__)
    assert details.run.id == found.run == laboratory.run
    assert {str(p.ref): p.card for p in details.plugins}["net@1"] == Card(summary="a net")
    assert {(p.ref.kind, p.ref.name) for p in details.plugins} == {
        ("dataset", "cells"),
        ("codec", "jpeg"),
        ("model", "net"),
        ("mitigation", "none"),
    }


def test_the_tables_lie_beside_the_database(laboratory, tmp_path):
    laboratory.store.record_protocol(TOY)
    laboratory.record(result(condition(TOY, 10), 0.5), outcomes=PER_SAMPLE)
    digest = outcomes.digest_of_table(PER_SAMPLE)
    assert outcomes.read(tmp_path / "results.outcomes", digest).equals(PER_SAMPLE)


def test_a_result_keeps_the_digests_of_tables_that_are_not_given(laboratory):
    laboratory.store.record_protocol(TOY)
    given = msgspec.structs.replace(result(condition(TOY, 10), 0.5), frames="sha256:kept")
    found = queries.result(laboratory.engine, laboratory.record(given)).stored.result
    assert (found.outcomes, found.frames) == ("", "sha256:kept")


def test_what_results_share_is_recorded_once(laboratory):
    for _ in range(2):
        laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    assert counts(laboratory) == {
        "protocol": 1,
        "environment": 1,
        "run": 1,
        "plugin": 5,  # cells, none and jpeg, net, none
        "condition": 3,
        "result": 6,
        "metric": 6,
        "erratum": 0,
        "published": 0,
        "throughput": 0,
        "throughput_metric": 0,
        "verification": 0,
    }


@pytest.mark.parametrize("field", ["value", "low", "high"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_no_number_is_refused_and_nothing_is_kept(laboratory, tmp_path, field, number):
    laboratory.store.record_protocol(TOY)
    laboratory.store.record_environment(HERE)
    before = counts(laboratory)
    measure = Measure(**{"name": "top1", "value": 0.5, field: number})
    given = msgspec.structs.replace(result(condition(TOY, 10), 0.5), measures=(measure,))
    with pytest.raises(StorageError, match=f"net on jpeg quality=10: Expected the {field} of the metric 'top1'"):
        laboratory.record(given, outcomes=PER_SAMPLE)
    assert counts(laboratory) == before
    assert not (tmp_path / "results.outcomes").exists()


def test_a_metric_that_comes_twice_is_refused(laboratory):
    given = msgspec.structs.replace(result(condition(TOY, 10), 0.5), measures=(Measure(name="top1", value=0.5),) * 2)
    with pytest.raises(StorageError, match="'top1' comes twice"):
        laboratory.record(given)


def test_a_result_whose_protocol_is_unknown_leaves_nothing_behind(laboratory):
    laboratory.store.record_environment(HERE)
    before = counts(laboratory)
    with pytest.raises(StorageError, match=f"The protocol {TOY.digest} is not recorded"):
        laboratory.record(result(condition(TOY, 10), 0.5))
    assert counts(laboratory) == before


def test_a_result_from_an_unknown_environment_or_run_is_refused(laboratory):
    laboratory.store.record_protocol(TOY)
    given = result(condition(TOY, 10), 0.5)
    with pytest.raises(StorageError, match="The environment sha256:0 is not recorded"):
        laboratory.store.record(given, run=laboratory.run, environment="sha256:0")
    with pytest.raises(StorageError, match="The run 99 is not recorded"):
        laboratory.store.record(given, run=99, environment=laboratory.store.record_environment(HERE))


def test_a_reason_that_is_no_valid_text_is_kept_readable(laboratory):
    laboratory.store.record_protocol(TOY)
    number = laboratory.record(result(condition(TOY, 10), None, reason="no file \udcff.jpg"))
    assert queries.result(laboratory.engine, number).stored.result.reason == r"no file \udcff.jpg"


def test_a_command_comes_back_whatever_its_arguments(laboratory):
    command = ["suite", "run", "--root", "a b\udcff\n'\"é"]
    run = laboratory.store.begin_run(command)
    laboratory.store.record_protocol(TOY)
    environment = laboratory.store.record_environment(HERE)
    number = laboratory.store.record(result(condition(TOY, 10), 0.5), run=run, environment=environment)
    assert queries.result(laboratory.engine, number).run.command == tuple(command)


def test_times_are_kept_in_utc(laboratory):
    tokyo = datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    store = Store(laboratory.engine, laboratory.path, clock=lambda: tokyo)
    store.record_protocol(TOY)
    (found,) = queries.protocols(laboratory.engine)
    assert (found.first_seen, found.first_seen.tzinfo) == (datetime(2026, 1, 1, tzinfo=UTC), UTC)


def test_an_erratum_is_kept_with_its_author_and_reason(laboratory):
    numbers = laboratory.record_entry(TOY, {10: 0.5})
    erratum = laboratory.store.add_erratum(numbers[10], author="ada", reason="wrong weights")
    (found,) = queries.result(laboratory.engine, numbers[10]).stored.errata
    assert (found.id, found.author, found.reason) == (erratum, "ada", "wrong weights")


@pytest.mark.parametrize(("author", "reason"), [("", "why"), ("ada", " \n")])
def test_an_erratum_needs_an_author_and_a_reason(laboratory, author, reason):
    numbers = laboratory.record_entry(TOY, {10: 0.5})
    with pytest.raises(UsageError, match="needs an author and a reason"):
        laboratory.store.add_erratum(numbers[10], author=author, reason=reason)


def test_an_erratum_on_no_result_is_refused(laboratory):
    with pytest.raises(UsageError, match="There is no result 7"):
        laboratory.store.add_erratum(7, author="ada", reason="why")


def test_errata_are_recorded_together_each_result_once(laboratory):
    numbers = laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    wrong = [numbers[90], numbers[10], numbers[90]]
    errata = laboratory.store.add_errata(wrong, author=" ada ", reason="wrong weights\n")
    found = queries.errata(laboratory.engine)
    assert [stored.id for stored in found] == [numbers[90], numbers[10]]
    assert [stored.errata[0].id for stored in found] == list(errata)
    assert {(each.author, each.reason) for stored in found for each in stored.errata} == {("ada", "wrong weights")}


@pytest.mark.parametrize(("other", "message"), [(99, "no result 99"), (2, "Result 2 has this erratum already")])
def test_errata_are_recorded_all_or_none(laboratory, other, message):
    numbers = laboratory.record_entry(TOY, {None: 0.9, 10: 0.5})
    assert numbers == {None: 1, 10: 2}
    laboratory.store.add_erratum(2, author="ada", reason="wrong weights")
    before = counts(laboratory)
    with pytest.raises(UsageError, match=message):
        laboratory.store.add_errata([1, other], author="ada", reason="wrong weights ")
    assert counts(laboratory) == before


@pytest.mark.parametrize(("author", "reason"), [("bob", "wrong weights"), ("ada", "and wrong images")])
def test_a_result_may_have_several_errata(laboratory, author, reason):
    numbers = laboratory.record_entry(TOY, {10: 0.5})
    laboratory.store.add_erratum(numbers[10], author="ada", reason="wrong weights")
    laboratory.store.add_erratum(numbers[10], author=author, reason=reason)
    said = [(each.author, each.reason) for each in queries.result(laboratory.engine, numbers[10]).stored.errata]
    assert said == [("ada", "wrong weights"), (author, reason)]


def test_an_erratum_that_is_no_valid_text_is_kept_readable(laboratory):
    numbers = laboratory.record_entry(TOY, {10: 0.5})
    laboratory.store.add_erratum(numbers[10], author="a\udcff", reason="b\udcfe")
    (found,) = queries.result(laboratory.engine, numbers[10]).stored.errata
    assert (found.author, found.reason) == (r"a\udcff", r"b\udcfe")


def test_threads_may_record_at_once(laboratory):
    laboratory.store.record_protocol(TOY)
    laboratory.store.record_environment(HERE)

    def work(model: str) -> None:
        for quality in (10, 90):
            laboratory.record(result(condition(TOY, quality), 0.5, model=model), outcomes=PER_SAMPLE)

    threads = [threading.Thread(target=work, args=(f"net{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = counts(laboratory)
    assert (found["result"], found["condition"], found["plugin"]) == (8, 2, 7)
    assert all(each.result.cell.condition.samples == SAMPLES for each in queries.results(laboratory.engine))
