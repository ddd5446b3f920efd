"""A codec that a protocol measures and does not name: on every curve, and in nobody's rank."""

from __future__ import annotations

import msgspec
import pytest

from suite.db import queries
from suite.report.open_codecs import with_open_codecs
from suite.report.rates import rate_tables
from suite.spec import Measure, OpenCodecs
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, result

RATES = (0.25, 0.5, 1.0, 2.0)
TOP1 = (0.5, 0.6, 0.7, 0.8)
FIXED = protocol()
JPEG = msgspec.structs.replace(FIXED.codecs[0], values=RATES, axis="bpp-per-image")
OPEN = msgspec.structs.replace(FIXED, codecs=(JPEG,), open_codecs=OpenCodecs(axis="bpp-per-image", values=RATES))


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    found.store.record_protocol(OPEN)
    found.record(result(condition(OPEN, None), 0.9))
    record(found, "jpeg", parameters=JPEG.parameters)
    yield found
    found.engine.dispose()


def record(laboratory, codec, *, version="1", gain=0.0, spec=OPEN, where=HERE, parameters=None, **entry):
    """Record what one codec gives at each rate."""
    of_codec = {"codec": ref("codec", codec, version), "parameters": parameters or {}, "axis": "bpp-per-image"}
    for rate, top1 in zip(RATES, TOP1, strict=True):
        on = condition(spec, rate, **of_codec, parameter="bpp", searched="quality")
        found = result(on, top1 + gain, **entry)
        measures = (*found.measures, Measure(name="bits_per_pixel", value=rate))
        laboratory.record(msgspec.structs.replace(found, measures=measures), where)


def ranked(laboratory):
    """Return the ranked rows, and those that the board reads, without when an entry was last measured at all."""
    ranking = queries.ranking(laboratory.engine, OPEN.digest, released=True)
    columns = queries.entries(laboratory.engine, OPEN.digest, released=True)
    places = range(len(ranking.ranked) + len(ranking.unranked))
    return timeless((*ranking.ranked, *ranking.unranked)), timeless(map(columns.row, places))


def timeless(rows):
    return [msgspec.structs.replace(row, created_at=None, result_id=0) for row in rows]


def test_a_models_rank_and_mean_drop_are_the_same_with_and_without_a_submitted_codec(laboratory):
    laboratory.record(result(condition(OPEN, None), 0.95, model="other"))
    record(laboratory, "jpeg", parameters=JPEG.parameters, model="other", gain=0.01)
    before = ranked(laboratory)
    record(laboratory, "steps", gain=-0.3)
    assert ranked(laboratory) == before
    assert [row.rank for row in before[0]] == [1, 2]
    row = next(row for row in before[0] if row.model.name == "net")
    assert row.mean_drop == pytest.approx(0.9 - sum(TOP1) / 4)
    assert {drop.codec for drop in row.drops} == {"jpeg"}


def test_a_model_that_only_the_submitted_codec_was_measured_with_has_no_mean_drop(laboratory):
    laboratory.record(result(condition(OPEN, None), 0.95, model="other"))
    record(laboratory, "steps", model="other")
    (row,) = (row for row in ranked(laboratory)[0] if row.rank is None)
    assert (row.model.name, row.mean_drop, row.drops) == ("other", None, ())


def test_its_curve_stands_behind_the_protocols_own(laboratory):
    record(laboratory, "steps", gain=0.05)
    (table,) = rate_tables(laboratory.engine, OPEN.digest, released=True)
    assert [(curve.label, len(curve.points)) for curve in table.curves] == [("jpeg", 4), ("steps", 4)]
    assert table.reference == "jpeg"
    assert table.curves[1].bd_accuracy.value == pytest.approx(0.05)
    assert not table.curves[1].why_unranked


def test_of_two_versions_the_one_measured_last_is_shown(laboratory):
    record(laboratory, "steps", gain=0.05)
    record(laboratory, "steps", version="2", gain=0.1)
    (table,) = rate_tables(laboratory.engine, OPEN.digest, released=True)
    assert [point.accuracy for point in table.curves[1].points] == pytest.approx([top1 + 0.1 for top1 in TOP1])


@pytest.mark.parametrize("why", ["another machine", "another mitigation", "failed", "not conformant"])
def test_what_does_not_belong_to_an_entry_or_does_not_count_is_left_out(laboratory, why):
    options = {
        "another machine": {"where": ELSEWHERE},
        "another mitigation": {"mitigation": "deblock"},
        "failed": {"reason": "ValueError: no"},
        "not conformant": {"conformant": False},
    }[why]
    record(laboratory, "steps", **options)
    rows = queries.ranking(laboratory.engine, OPEN.digest, released=True).ranked
    assert [row.drops for row in with_open_codecs(laboratory.engine, OPEN.digest, rows)] == [row.drops for row in rows]


def test_without_open_codecs_nothing_is_added(tmp_path):
    laboratory = Laboratory(tmp_path / "fixed")
    spec = msgspec.structs.replace(OPEN, open_codecs=None)
    laboratory.store.record_protocol(spec)
    laboratory.record(result(condition(spec, None), 0.9))
    record(laboratory, "jpeg", spec=spec, parameters=JPEG.parameters)
    record(laboratory, "steps", spec=spec)
    rows = queries.ranking(laboratory.engine, spec.digest, released=True).ranked
    assert with_open_codecs(laboratory.engine, spec.digest, rows) == list(rows)
    assert len(rows) == 1
    laboratory.engine.dispose()
