"""What the overview says, against the numbers that were recorded."""

import numpy as np
import pytest

from suite.report.board.conditions import averages, by_rate, rate_text
from suite.report.board.overview import (
    Ordinate,
    by_use,
    counts,
    losses,
    newest_columns,
    scatter_columns,
    scatter_points,
)
from tests.leaderboard.mitigated import SPEED, drop

ALL = "mean over all settings"


def test_everything_is_counted(standing):
    found = {each.title: each.value for each in counts(standing)}
    assert found == {
        "Entries": "6",
        "Ranked": "6",
        "Models": "3",
        "Mitigations": "2",
        "Codecs": "8",
        "Settings": "48",
        "Results": str(3 * 49 + 3 * 48),
    }


def test_the_worst_and_the_least_are_named_with_the_rate(standing, names):
    found = {each.title: each for each in losses(standing, names, standing.tracks[0])}
    worst, least = found["Worst drop at the lowest rate"], found["Least drop at the lowest rate"]
    assert (worst.value, worst.whose) == ("+30.00 points", "alone, at jpeg quality 5, 0.250 bits per pixel")
    assert (least.value, least.whose) == ("+5.00 points", "small + tuned, at jpeg quality 5, 0.250 bits per pixel")
    assert found["Least mean drop"].value == "+2.50 points"
    recovered = found["Most of the mean drop recovered"]
    assert (recovered.value, recovered.whose) == ("75.0 %", "small + tuned, over all settings")
    assert losses(standing, names, "another track") == []


def test_the_newest_entries_come_first(standing, names):
    found = newest_columns(standing, names, 2)
    assert found["entry"] == ["alone", "large + deblock"]
    assert found["measured"] == sorted(found["measured"], reverse=True)
    assert found["mean drop, points"] == pytest.approx([15, 7.5])


def test_a_model_has_a_point_if_it_has_both_drops(standing, names):
    columns = averages(standing)["jpeg quality 5"]
    x, y = Ordinate("none", "jpeg quality 5", columns), Ordinate("deblock", "jpeg quality 5", columns)
    found = {each["model"]: each for each in scatter_points(standing, names, x, y)}
    assert {model: (each["x"], each["y"]) for model, each in found.items()} == {
        model: pytest.approx((100 * drop((model, "none"), 0), 100 * drop((model, "deblock"), 0)))
        for model in ("small", "large")
    }
    assert found["small"]["images_per_second"] == SPEED["small", "deblock"]
    assert found["large"]["images_per_second"] is None
    assert scatter_points(standing, names, x, Ordinate("absent", "", columns)) == []


def test_points_become_a_table_with_both_axes(standing, names):
    every = averages(standing)
    x, y = Ordinate("none", "low", every["jpeg quality 5"]), Ordinate("none", "high", every["jpeg quality 80"])
    points = scatter_points(standing, names, x, y)
    table = scatter_columns(points, x, y)
    assert table["drop with none, percentage points: low"] == pytest.approx([20, 10, 30])
    assert table["drop with none, percentage points: high"] == pytest.approx([0, 0, 0])
    assert len(scatter_columns(points, x, x)) == 4


def test_drops_can_be_taken_over_all_a_codec_or_a_setting(standing):
    every = averages(standing)
    assert len(every) == 1 + 8 + 48
    assert (every[ALL].sum(), every["mean over webp"].sum(), every["jpeg quality 5"].sum()) == (48, 6, 1)
    assert np.stack([mask for name, mask in every.items() if name.startswith("mean over ")][1:]).sum(axis=0).max() == 1


def test_conditions_come_by_their_rate(standing):
    names = by_rate(standing)
    assert names[0] == "jpeg quality 5"
    assert rate_text(standing, 0) == "jpeg quality 5, 0.250 bits per pixel"
    assert "jpeg quality 80" in names[-8:]


def test_mitigations_of_most_models_come_first(standing, names):
    assert by_use(standing, names) == ["none", "deblock", "tuned"]
