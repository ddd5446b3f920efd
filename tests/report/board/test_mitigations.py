"""What mitigations buy back and cost, and the front, against the numbers that were recorded."""

import dataclasses

import pytest

from suite.report.board.curves import RATE, SETTING
from suite.report.board.mitigations import (
    cost_columns,
    front_columns,
    front_note,
    front_points,
    recovered_columns,
    recovered_points,
)
from suite.report.board.names import by_model


@pytest.fixture
def models(standing, names):
    return by_model(standing, names, standing.tracks[0])


def test_recovered_is_the_part_of_the_drop_without_a_mitigation(standing, models):
    table = recovered_columns(standing, models["small"])
    jpeg = slice(0, 6)
    assert table["setting"][:2] == ["jpeg quality 5", "jpeg quality 10"]
    assert table["drop with none, points"][jpeg] == pytest.approx([20, 16, 12, 8, 4, 0])
    assert table["tuned: drop, points"][jpeg] == pytest.approx([5, 4, 3, 2, 1, 0])
    assert table["deblock: recovered, %"][jpeg][:5] == pytest.approx([50] * 5)
    assert table["tuned: recovered, %"][jpeg] == [*[pytest.approx(75)] * 5, None]


def test_what_makes_matters_worse_recovers_less_than_nothing(standing, models):
    points, beyond = recovered_points(standing, models["large"], axis=RATE, codecs=("avif",))
    assert {each["series"] for each in points} == {"deblock"}
    assert [each["y"] for each in points] == pytest.approx([-50] * 5)
    assert [each["x"] for each in points] == [0.25, 0.5, 1, 2, 4]
    assert {each["original"] for each in points} == {100.0}
    assert beyond == 0


def test_what_has_no_place_in_the_chart_is_counted(standing, models):
    drops = standing.entries.numbers["value"].copy()
    drops[models["large"]["deblock"], 0] = 0.1
    numbers = {**standing.entries.numbers, "value": drops}
    altered = dataclasses.replace(standing, entries=dataclasses.replace(standing.entries, numbers=numbers))
    points, beyond = recovered_points(altered, models["large"], axis=SETTING, codecs=("jpeg",))
    assert (len(points), beyond) == (4, 1)


def test_without_the_unmitigated_model_nothing_is_known(standing, models):
    places = {"deblock": models["small"]["deblock"]}
    assert recovered_columns(standing, places) == {}
    assert recovered_points(standing, places, axis=RATE) == ([], 0)


def test_the_cost_is_relative_to_the_model_alone(standing, models):
    places = {name: models["small"][name] for name in ("none", "deblock", "tuned")}
    table = cost_columns(standing, places)
    assert table["best batch, images/s"] == [200, 50, 190]
    assert table["of the speed without, %"] == pytest.approx([100, 25, 95])
    assert table["batch 1, images/s"] == [100, 25, 95]
    assert table["median latency, ms"] == pytest.approx([5, 20, 1000 / 190])
    assert cost_columns(standing, models["large"])["best batch, images/s"] == [40, None]
    assert cost_columns(standing, models["alone"]) == {}


def test_the_front_is_of_drop_rate_and_throughput(standing, models):
    points = front_points(standing, models["small"])
    on_front = {each["mitigation"] for each in points if each["front"]}
    # deblock is slower and loses more than tuned; none is the fastest.
    assert on_front == {"tuned", "none"}
    table = front_columns(points)
    assert table["bpp"] == sorted(table["bpp"])
    assert "throughput" in front_note(points)


def test_what_was_not_timed_is_not_on_the_front_and_named(standing, models):
    points = front_points(standing, models["large"])
    assert {each["mitigation"] for each in points if each["front"]} == {"none"}
    assert "Not timed, so not on it: deblock." in front_note(points)


def test_without_timings_the_front_is_of_drop_and_rate(standing, models):
    points = front_points(standing, models["alone"])
    # Of each rate all codecs lose the same; a higher rate loses less.
    assert all(each["front"] for each in points)
    assert "throughput does not count" in front_note(points)
    assert front_points(standing, {}) == []
