"""The tables of a ranking, against numbers computed by hand."""

import msgspec
import pytest

from suite import protocols, runner
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.lineup import Choice
from suite.report.tables import points, tables_of
from suite.tuning import Wish
from tests.db.measured import Laboratory, condition, protocol, ref, result

SPEC = protocols.load("pv-cells@1")


@pytest.fixture
def ranking(tmp_path, fake):
    def measured(*models, **choice):
        chosen = Choice(models=tuple(map(fake, models)), **choice)
        runner.run(SPEC, chosen, database=tmp_path / "r.db", device="cpu", wish=Wish(4, 2))
        return queries.ranking(open_for_reading(tmp_path / "r.db"), SPEC.digest, released=True)

    return measured


def test_a_ranked_entry_has_its_drops_by_setting(ranking):
    found = ranking("Brightness")
    table, curve = tables_of("pv-cells@1", found)
    assert table.title == "pv-cells@1: ranking; drops in percentage points, by jpeg quality"
    assert table.columns[-9:] == ("10", "20", "30", "40", "50", "60", "70", "80", "90")
    (row,), (entry,) = table.rows, found.ranked
    assert row[:3] == ("1", "brightness", "526")
    assert row[3].startswith(f"{100 * entry.reference.value:.2f} [")
    assert row[4] == f"{100 * sum(drop.drop for drop in entry.drops) / 9:+.2f}".replace("-0.00", "+0.00")
    assert [row[0] for row in curve.rows] == ["original", *(f"jpeg quality {q}" for q in range(10, 100, 10))]
    assert curve.rows[1][1] == f"{entry.drops[0].bits_per_pixel:.3f}"


def test_a_trial_is_listed_with_its_reason(ranking):
    (table, _) = tables_of("pv-cells@1", ranking("Brightness", limit=9, settings=("50",)))
    assert "not ranked" in table.title
    assert "trial on 9 of 526 samples" in table.notes[0]
    assert table.rows[0][0] == "-"


def test_a_failure_without_a_number_still_has_a_row(ranking):
    (table,) = tables_of("pv-cells@1", ranking("Raises", limit=4, settings=("50",)))
    assert table.rows[0][3:5] == ("-", "-")
    assert "the sky is falling" in table.notes[0]


def test_nothing_measured_gives_no_table():
    assert tables_of("pv-cells@1", queries.Ranking()) == []


@pytest.mark.parametrize(("drop", "text"), [(None, "-"), (0.0, "+0.00"), (-0.00001, "+0.00"), (0.1234, "+12.34")])
def test_points(drop, text):
    assert points(drop) == text


def test_of_several_codecs_each_has_a_column_with_its_mean_drop(tmp_path):
    laboratory = Laboratory(tmp_path)
    spec = two_codecs()
    laboratory.store.record_protocol(spec)
    drops = {("jpeg", 10): 0.2, ("jpeg", 90): 0.1, ("webp", 10): 0.04, ("webp", 90): 0.02}
    laboratory.record(result(condition(spec, None), 0.9))
    for (codec, quality), drop in drops.items():
        laboratory.record(result(condition(spec, quality, codec=ref("codec", codec)), 0.9 - drop))
    found = queries.ranking(laboratory.engine, spec.digest, released=True)
    table, curve = tables_of("toy@1", found)
    assert table.title == "toy@1: ranking; drops in percentage points, means over each codec's settings"
    assert table.columns[-2:] == ("jpeg", "webp")
    assert table.rows[0][-3:] == ("+9.00", "+15.00", "+3.00")
    assert [row[0] for row in curve.rows[1:]] == [f"{codec} quality {quality}" for codec, quality in drops]


def two_codecs():
    spec = protocol()
    return msgspec.structs.replace(spec, codecs=(*spec.codecs, msgspec.structs.replace(spec.codecs[0], name="webp")))
