"""The charts of one entry, of two, and of timings, read from the specification that the browser gets."""

import pytest

from suite.db.engine import open_for_reading
from suite.db.queries import protocols
from suite.report.board.standing import standing_of
from suite.report.charts.comparison import APART, TOGETHER, forest
from suite.report.charts.entry import entry_curve
from suite.report.charts.throughput import grouped_bars, latency_ranges, speed_against_drop
from suite.report.comparison import compare
from tests.leaderboard.paired import SPEC as PAIRED
from tests.leaderboard.paired import record_pair
from tests.leaderboard.recorded import SPEC, record


def layers(chart):
    return {each["mark"]["type"]: each for each in chart["layer"]}


def spread(value, **more):
    return {"value": value, "low": value - 1, "high": value + 1, **more}


def test_a_forest_has_a_row_a_condition_in_order_with_its_interval(tmp_path):
    (found,) = compare(open_for_reading(record_pair(tmp_path)), PAIRED.digest, "first", "second")
    chart = forest(found).to_dict()
    # The rule of zero comes first; the other layers share the points.
    zero, intervals, marks = chart["layer"]
    assert zero["data"]["values"] == [{"zero": 0}]
    assert marks["encoding"]["y"]["sort"] == [row.condition for row in found.conditions]
    (point,) = [each for each in intervals["data"]["values"] if each["condition"] == "jpeg quality=10"]
    assert point["difference"] == pytest.approx(100 * (7 - 20) / 526)
    assert point["low"] < point["difference"] < point["high"] < 0
    assert (intervals["encoding"]["x"]["field"], intervals["encoding"]["x2"]["field"]) == ("low", "high")
    assert marks["encoding"]["x"]["title"] == "difference in top1, percentage points"


def test_what_is_told_apart_has_another_colour_and_shape(tmp_path):
    (found,) = compare(open_for_reading(record_pair(tmp_path)), PAIRED.digest, "first", "second")
    chart = forest(found).to_dict()
    points = chart["layer"][1]["data"]["values"]
    assert [each["finding"] for each in points] == [
        APART if row.corrected_p_value < 0.05 else TOGETHER for row in found.conditions
    ]
    assert {APART, TOGETHER} == {each["finding"] for each in points}
    encoding = chart["layer"][2]["encoding"]
    assert encoding["color"]["scale"]["domain"] == encoding["shape"]["scale"]["domain"]
    assert encoding["color"]["legend"]["labelLimit"] == 0


def test_an_entrys_curve_has_bands_and_the_original(tmp_path):
    engine = open_for_reading(record(tmp_path))
    stored = next(each for each in protocols(engine) if each.label == SPEC.label)
    row = standing_of(engine, stored).entries.row(0)
    chart = layers(entry_curve(row).to_dict())
    assert chart["rule"]["data"]["values"] == [{"value": pytest.approx(90)}]
    points = chart["point"]["data"]["values"]
    assert len(points) == len(row.drops)
    assert {each["codec"] for each in points} == {drop.codec for drop in row.drops}
    assert [points[0][each] for each in ("rate", "value", "low", "high")] == pytest.approx([0.25, 85, 84, 86])
    assert (chart["area"]["encoding"]["y"]["field"], chart["area"]["encoding"]["y2"]["field"]) == ("low", "high")
    assert chart["point"]["encoding"]["shape"]["field"] == chart["line"]["encoding"]["color"]["field"] == "codec"


def test_bars_of_one_entry_stand_beside_each_other_with_their_spread():
    points = [spread(9, entry=name, batch=batch) for name in ("b", "a") for batch in ("batch 1", "best batch")]
    chart = grouped_bars(points, of="entry", part="batch", title="images a second").to_dict()
    bars, spreads = chart["layer"]
    assert bars["encoding"]["y"]["sort"] == ["b", "a"]
    assert bars["encoding"]["x"]["title"] == "images a second"
    assert bars["encoding"]["yOffset"]["field"] == spreads["encoding"]["yOffset"]["field"] == "batch"
    assert bars["encoding"]["x"]["stack"] is None
    assert (spreads["encoding"]["x"]["field"], spreads["encoding"]["x2"]["field"]) == ("low", "high")
    assert chart["data"]["values"] == points


def test_bars_without_parts_have_one_row_each():
    chart = grouped_bars([spread(9, entry="a")], of="entry", part=None, title="peak memory, MiB").to_dict()
    assert all("yOffset" not in each["encoding"] for each in chart["layer"])


def test_latencies_are_told_apart_by_colour_and_shape():
    points = [spread(9, entry="a", percentile=each) for each in ("p50", "p95", "p99")]
    encoding = latency_ranges(points).to_dict()["encoding"]
    assert encoding["color"]["field"] == encoding["shape"]["field"] == "percentile"
    assert encoding["x"]["title"].endswith(", ms")


def test_speed_stands_against_the_drop():
    points = [spread(9, entry="a", drop=3, mitigation="none"), spread(7, entry="b", drop=1, mitigation="deblock")]
    chart = layers(speed_against_drop(points, title="images a second").to_dict())
    assert chart["point"]["encoding"]["x"]["field"] == "value"
    assert chart["point"]["encoding"]["y"]["field"] == "drop"
    assert chart["point"]["encoding"]["color"]["scale"]["domain"] == ["none", "deblock"]
    assert (chart["rule"]["encoding"]["x"]["field"], chart["rule"]["encoding"]["x2"]["field"]) == ("low", "high")
