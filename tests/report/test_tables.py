"""The tables of a ranking, against numbers computed by hand."""

import pytest

from suite import protocols, runner
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.lineup import Choice
from suite.report.tables import common_part, points, tables_of
from suite.tuning import Wish

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


def test_settings_of_several_codecs_keep_their_names():
    assert common_part(["jpeg quality 10", "webp quality 10"]) == ("", ["jpeg quality 10", "webp quality 10"])
    assert common_part(["jpeg quality 10", "jpeg quality 20"]) == ("jpeg quality", ["10", "20"])
