"""Entries as columns: the same as a ranking says, whether the writer has caught up or not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from suite.db import entries as derived
from suite.db import queries, schema
from suite.db.ranking import rank
from suite.db.records import Ranking
from suite.db.rows import stored_results
from suite.spec import ProtocolSpec
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, result, track

TWO_TRACKS = protocol(tracks=(track(), track("other", manifest="sha256:other", metric="auc")))
TOY = protocol()

recordings = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["net", "other"]),
            st.sampled_from(["none", "deblock"]),
            st.sampled_from([None, 10, 90]),
            st.one_of(st.none(), st.sampled_from([0.5, 0.75, 0.9])),
            st.sampled_from([HERE, ELSEWHERE]),
            st.sampled_from([None, None, None, 7]),
            st.sampled_from([True, True, True, False]),
        ),
        st.just("summarise"),
        st.just("erratum"),
    ),
    max_size=30,
)


def from_results(laboratory: Laboratory, spec: ProtocolSpec, *, released: bool) -> Ranking:
    """The ranking made of every single result, without what is derived."""
    with laboratory.engine.connect() as connection:
        (number,) = connection.scalars(select(schema.protocol.c.id).where(schema.protocol.c.digest == spec.digest))
        newest = derived.newest_of(number, None)
        return rank(spec, stored_results(connection, newest), released=released)


def assert_same_as_ranking(laboratory: Laboratory, spec: ProtocolSpec, *, released: bool = True) -> None:
    expected = from_results(laboratory, spec, released=released)
    assert queries.ranking(laboratory.engine, spec.digest, released=released) == expected
    found = queries.entries(laboratory.engine, spec.digest, released=released)
    for place, row in enumerate([*expected.ranked, *expected.unranked]):
        kept = found.drops[place][~np.isnan(found.drops[place])]
        assert kept.tolist() == [drop.drop for drop in row.drops if drop.drop is not None]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=recordings, released=st.booleans())
def test_entries_are_those_of_the_ranking_at_every_moment(connections, steps, released):
    with tempfile.TemporaryDirectory() as directory:
        laboratory = Laboratory(Path(directory))
        laboratory.store.record_protocol(TOY)
        recorded: list[int] = []
        for place, step in enumerate(steps):
            if step == "summarise":
                laboratory.store.summarise()
            elif step == "erratum":
                for number in recorded[-1:]:
                    laboratory.store.add_erratum(number, author="A", reason=f"wrong {place}")
            else:
                model, mitigation, quality, top1, where, limit, conformant = step
                measured = result(
                    *(condition(TOY, quality, limit=limit), top1),
                    model=model,
                    mitigation=mitigation,
                    reason="" if top1 else "broke",
                    conformant=conformant,
                )
                recorded.append(laboratory.record(measured, where))
            assert_same_as_ranking(laboratory, TOY, released=released)
        for each in connections:
            each.close()


def test_each_track_keeps_its_metric(laboratory):
    for each in TWO_TRACKS.tracks:
        on = {"dataset": ref("dataset", each.dataset.name), "manifest": each.manifest}
        laboratory.record_entry(TWO_TRACKS, {None: 0.9, 10: 0.5, 90: 0.8}, on=on, metric=each.metrics[0])
    laboratory.store.summarise()
    assert_same_as_ranking(laboratory, TWO_TRACKS)
    found = queries.entries(laboratory.engine, TWO_TRACKS.digest, released=True)
    assert [row.metric for row in found.rows] == ["top1", "auc"]


def test_a_task_narrows_the_entries(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    assert len(queries.entries(laboratory.engine, TOY.digest, "classification", released=True).rows) == 1
    assert queries.entries(laboratory.engine, TOY.digest, "detection", released=True).rows == ()


def test_a_protocol_nobody_measured_has_no_entries(laboratory):
    assert queries.entries(laboratory.engine, TOY.digest, released=True) is None
    laboratory.store.record_protocol(TOY)
    found = queries.entries(laboratory.engine, TOY.digest, released=True)
    assert found.rows == ()
    assert found.numbers["value"].shape == (0, 2)


def test_the_numbers_have_their_intervals_and_rates(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 90: 0.8})
    laboratory.store.summarise()
    found = queries.entries(laboratory.engine, TOY.digest, released=True)
    assert [str(on) for on in found.conditions] == ["jpeg quality 10", "jpeg quality 90"]
    np.testing.assert_allclose(found.numbers["low"], [[np.nan, 0.79]])
    np.testing.assert_allclose(found.numbers["high"], [[np.nan, 0.81]])
    assert np.isnan(found.numbers["ssim"]).all()


def stored_entries(laboratory: Laboratory) -> int:
    with laboratory.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(schema.entry)) or 0


def test_only_what_came_since_is_summed_up_again(laboratory, monkeypatch):
    for number in range(5):
        laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, model=f"net{number}")
    laboratory.store.summarise()
    assert stored_entries(laboratory) == 5
    asked: list[int] = []
    original = derived.refresh
    monkeypatch.setattr(derived, "refresh", lambda *given: (asked.append(len(given[3])), original(*given)))
    laboratory.store.summarise()
    laboratory.record(result(condition(TOY, 10), 0.6, model="net3"))
    laboratory.store.summarise()
    assert asked == [1]
    assert stored_entries(laboratory) == 5


def test_many_groups_take_several_transactions(laboratory, monkeypatch):
    monkeypatch.setattr(derived, "GROUPS_AT_ONCE", 2)
    for number in range(5):
        laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, model=f"net{number}")
    laboratory.store.summarise()
    assert stored_entries(laboratory) == 5
    assert_same_as_ranking(laboratory, TOY)


def test_a_reader_needs_no_writer_to_be_right(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    assert stored_entries(laboratory) == 0
    assert_same_as_ranking(laboratory, TOY)


def test_what_is_derived_can_be_thrown_away_and_made_again(laboratory):
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.store.summarise()
    with laboratory.engine.begin() as connection:
        for table in (schema.entry, schema.summarised):
            assert connection.execute(delete(table)).rowcount == 1
    assert_same_as_ranking(laboratory, TOY)
    laboratory.store.summarise()
    assert stored_entries(laboratory) == 1
