"""The board's charts as static figures: rendered by Vega itself, and read as SVG."""

import re

import numpy as np
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from suite.report.board.matrices import DROP, RECOVERED, Matrix
from suite.report.charts.curves import Axes, curve_panels, curves_figure, legend_of, log_ticks
from suite.report.charts.matrices import MOST_NUMBERED, heat_map
from suite.report.charts.mitigations import front_scatter
from suite.report.charts.overview import MOST_NAMED, drop_scatter
from suite.report.charts.style import OKABE_ITO

RATES = Axes("rate, bits per pixel", "drop, percentage points", logarithmic=True, shared=True)


def drawn(chart):
    """Render a chart, and return the SVG's text."""
    return vl_convert.vegalite_to_svg(chart.to_dict())


def texts(svg):
    """Return all words in an SVG with their fill."""
    found = re.findall(r'<text [^>]*?fill="([^"]*)"[^>]*>([^<]*)</text>', svg)
    return {text: fill for fill, text in found if text}


def curve(series, codec, offset=0.0, **more):
    return [
        {"series": series, "codec": codec, "setting": f"{codec} quality {place}", "x": rate, "rate": rate}
        | {"y": 10.0 - place + offset, "low": 9.0 - place + offset, "high": 11.0 - place + offset, "original": 0.0}
        | more
        for place, rate in enumerate((0.25, 0.5, 1.0, 2.0))
    ]


def test_a_figure_of_curves_has_a_panel_a_codec_and_one_legend():
    points = curve("one", "jpeg") + curve("two", "jpeg", 1) + curve("one", "webp")
    svg = drawn(curves_figure(points, RATES))
    words = texts(svg)
    assert {"jpeg", "webp", "one", "two", "rate, bits per pixel", "drop, percentage points", "0.5", "1"} <= set(words)
    assert svg.count(">one<") == 1
    assert all(color in svg for color in OKABE_ITO[:2])
    assert OKABE_ITO[2] not in svg


def test_panels_share_their_axes_where_rates_are_compared():
    points = curve("one", "jpeg") + curve("two", "jpeg") + [each | {"x": 8.0} for each in curve("one", "webp")]
    domains = [
        chart.to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]
        for chart in curve_panels(points, RATES).values()
    ]
    assert domains == [[0.25, 8.0]] * 2


def test_series_without_points_keep_their_colour():
    points = curve("two", "jpeg") + curve("two", "webp")
    panels = curve_panels(points, RATES, series=["one", "two"])
    assert list(panels) == ["jpeg", "webp"]
    assert OKABE_ITO[1] in drawn(panels["jpeg"])


def test_more_codecs_than_colours_have_panels_of_their_own():
    points = [each for number in range(9) for each in curve("one", f"codec{number}")]
    assert len(curve_panels(points, RATES)) == 9
    assert len(curve_panels(points[:-4], RATES)) == 1


def test_curves_without_intervals_or_original_are_drawn():
    points = curve("one", "jpeg", low=None, high=None, original=None)
    layers = next(iter(curve_panels(points, Axes("setting", "top1, %")).values())).to_dict()["layer"]
    assert [layer["mark"]["type"] for layer in layers] == ["line", "point"]


@pytest.mark.parametrize("logarithmic", [False, True])
def test_one_point_is_in_the_middle(logarithmic):
    (panel,) = curve_panels(curve("one", "jpeg")[:1], Axes("x", "y", logarithmic=logarithmic)).values()
    assert re.search(r'aria-roledescription="point" transform="translate\(150,', drawn(panel.properties(width=300)))


def test_each_original_has_its_own_rule_where_they_differ():
    points = curve("one", "jpeg", original=80.0) + curve("two", "jpeg", original=90.0)
    svg = drawn(curves_figure(points, RATES._replace(y="top1, %")))
    rules = re.findall(r'aria-roledescription="rule mark"[^>]*? stroke="([^"]*)"', svg)
    assert sorted(rules) == sorted(OKABE_ITO[:2])
    assert "original" not in "".join(texts(svg))


@given(st.floats(1e-3, 10), st.floats(1.05, 1e4))
def test_ticks_of_rates_are_within_and_enough(low, ratio):
    ticks = log_ticks(low, low * ratio)
    assert len(ticks) >= 2
    assert ticks == sorted(ticks)
    assert all(low <= tick <= low * ratio for tick in ticks)


def test_ticks_of_rates_are_round():
    assert log_ticks(0.25, 8) == [0.5, 1, 2, 5]
    assert log_ticks(0.15, 0.4) == [0.2, 0.3, 0.4]


def test_a_legend_names_all_series():
    assert {"one", "two"} <= set(texts(drawn(legend_of(["one", "two"]))))


MATRIX = Matrix("entry", "codec", ("a + b", "c"), ("jpeg", "webp"), np.array([[0.2, -0.2], [0.01, np.nan]]), DROP)


def test_cells_have_their_numbers_in_a_colour_that_can_be_read():
    words = texts(drawn(heat_map(MATRIX)))
    assert {"+20.0", "-20.0", "+1.0", "-", "jpeg", "webp", "entry", "codec"} <= set(words)
    assert (words["-20.0"], words["+20.0"], words["+1.0"]) == ("white", "black", "black")


def test_zero_is_in_the_middle_of_the_colours():
    rects = drawn(heat_map(MATRIX._replace(values=np.array([[0.2, -0.1], [0.0, np.nan]]))))
    fills = re.findall(r'aria-roledescription="rect mark"[^>]*fill="(rgb[^"]*)"', rects)
    assert "rgb(247, 247, 247)" in fills
    assert "rgb(213, 94, 0)" in fills


def test_more_is_better_where_drops_are_recovered():
    recovered = drawn(heat_map(MATRIX._replace(values=np.array([[1.0, 9.0], [-1.0, 0.5]]), unit=RECOVERED)))
    assert texts(recovered)["+900.0"] == "white"
    assert recovered.count('fill="rgb(0, 114, 178)"') == 2


def test_cells_too_narrow_for_numbers_have_none():
    wide = Matrix("entry", "jpeg", ("a",), tuple(map(str, range(MOST_NUMBERED + 1))), np.full((1, 25), 0.5), DROP)
    assert "+50.0" not in texts(drawn(heat_map(wide)))


def model(name, x, y, speed=None, task="classification"):
    return {"model": name, "task": task, "track": task, "x": x, "y": y, "images_per_second": speed}


def test_models_stand_beside_their_points_and_the_diagonal_is_drawn():
    points = [model("small", 20.0, 10.0, 200.0), model("large", 10.0, 15.0, None, "detection")]
    svg = drawn(drop_scatter(points, x_title=["drop with none", "mean"], y_title=["drop with b", "mean"]))
    assert {"small", "large", "classification", "detection"} <= set(texts(svg))
    assert ">drop with b<" in svg
    assert "stroke-dasharray" in svg
    chart = drop_scatter(points, x_title=["x"], y_title=["y"]).to_dict()
    domains = {tuple(layer["encoding"][axis]["scale"]["domain"]) for layer in chart["layer"] for axis in "xy"}
    assert domains == {(9.5, 20.5)}


def test_one_point_and_many_points_are_drawn():
    assert "alone" in texts(drawn(drop_scatter([model("alone", 1.0, 1.0)], x_title=["x"], y_title=["y"])))
    many = [model(f"m{number}", float(number), 0.0) for number in range(MOST_NAMED + 1)]
    assert "m0" not in texts(drawn(drop_scatter(many, x_title=["x"], y_title=["y"])))


def test_the_front_is_filled_and_the_rest_hollow():
    points = [
        {"mitigation": "none", "codec": "jpeg", "setting": "jpeg quality 5", "x": 0.25, "y": 20.0}
        | {"images_per_second": None, "front": True},
        {"mitigation": "b", "codec": "jpeg", "setting": "jpeg quality 9", "x": 2.5, "y": 30.0}
        | {"images_per_second": None, "front": False},
    ]
    svg = drawn(front_scatter(points))
    assert {"none", "b", "rate, bits per pixel"} <= set(texts(svg))
    marks = re.findall(r'aria-roledescription="point"[^>]*? (fill|stroke)="([^"]*)"', svg)
    assert sorted(marks) == [("fill", OKABE_ITO[0]), ("stroke", OKABE_ITO[1])]
