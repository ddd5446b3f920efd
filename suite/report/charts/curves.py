"""Curves over rate or setting: a panel a codec, a line an entry, with what is uncertain as a band."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any, NamedTuple

import altair as alt

from suite.report.charts.style import MOST_SERIES, NEUTRAL, OKABE_ITO, PANEL_HEIGHT, PANEL_WIDTH, PANELS_A_ROW, SHAPES
from suite.report.tables import in_order

Point = dict[str, Any]


class Axes(NamedTuple):
    """The titles of the axes with their units, whether x is logarithmic, and whether all panels share its range."""

    x: str
    y: str
    logarithmic: bool = False
    shared: bool = False


class Extent(NamedTuple):
    """The ends of an axis, or None where each panel has its own."""

    x: list[float] | None
    y: list[float]


def curves_figure(points: Sequence[Point], axes: Axes) -> alt.ConcatChart:
    """Return all panels in one figure with one legend."""
    panels = curve_panels(points, axes)
    sized = [chart.properties(width=PANEL_WIDTH, height=PANEL_HEIGHT) for chart in panels.values()]
    return alt.concat(*sized, columns=PANELS_A_ROW)


def curve_panels(
    points: Sequence[Point], axes: Axes, *, series: Sequence[str] = (), legend: bool = True
) -> dict[str, alt.LayerChart]:
    """Return a chart for each codec by its name, all with one scale of y; points are those of `board.curves`.

    Of one series the codecs share a panel, and a line is a codec's: no line ever joins two codecs. ``series`` may name
    more than there are points of, so that another figure gives them the same colours.
    """
    codecs = {each["codec"] for each in points}
    alone = len({*series, *(each["series"] for each in points)}) == 1 and len(codecs) <= MOST_SERIES
    drawn = [{**each, "series": each["codec"], "codec": ""} if alone else each for each in points]
    series = in_order((*series, *(each["series"] for each in drawn)))
    extent = Extent(ends_of(drawn, ("x",)) if axes.shared else None, widened(ends_of(drawn, SHOWN)))
    return {
        codec: panel([each for each in drawn if each["codec"] == codec], axes, series, extent, legend=legend)
        for codec in in_order(each["codec"] for each in drawn)
    }


SHOWN = ("y", "low", "high", "original")
"""What of a point is drawn along y."""


def ends_of(points: Sequence[Point], names: Sequence[str]) -> list[float]:
    """Return the least and the most of some of the points' numbers."""
    drawn = [each[name] for each in points for name in names if each[name] is not None]
    return [min(drawn), max(drawn)]


def widened(ends: Sequence[float]) -> list[float]:
    """Return a little more than what is between two ends."""
    margin = 0.03 * (ends[1] - ends[0]) or 1.0
    return [ends[0] - margin, ends[1] + margin]


def panel(
    points: Sequence[Point], axes: Axes, series: Sequence[str], extent: Extent, *, legend: bool
) -> alt.LayerChart:
    """Return one panel: bands, lines, points, and the original as a rule."""
    shown = alt.Legend(orient="bottom", columns=1, labelLimit=0, symbolOpacity=1, title=None) if legend else None
    domain, count = list(series), len(series)
    color = alt.Color("series:N", scale=alt.Scale(domain=domain, range=OKABE_ITO[:count]), legend=shown)
    base = alt.Chart().encode(
        x=(rate_axis if axes.logarithmic else setting_axis)(axes.x, extent.x or ends_of(points, ("x",))),
        color=color,
    )
    scale = alt.Scale(domain=extent.y, nice=False, zero=False)
    y, low, mean = (alt.Y(each, title=axes.y, scale=scale) for each in ("y:Q", "low:Q", "mean(original):Q"))
    band = base.mark_area(opacity=0.15).encode(y=low, y2="high:Q")
    shape = alt.Shape("series:N", scale=alt.Scale(domain=domain, range=SHAPES[:count]), legend=shown)
    layers = [
        *[band] * any(each["low"] is not None for each in points),
        *original_rules(points, mean, color),
        base.mark_line(strokeWidth=2).encode(y=y),
        base.mark_point(filled=True, size=50, opacity=1).encode(y=y, shape=shape, tooltip=tooltip_of(axes)),
    ]
    title = next((each["codec"] for each in points), "")
    return alt.layer(*layers, data=alt.Data(values=list(points)), title=title or alt.Undefined)


def rate_axis(title: str, ends: Sequence[float]) -> alt.X:
    """Return a logarithmic axis of ``x`` between two rates above 0, or around one."""
    low, high = ends if ends[0] < ends[1] else (ends[0] / 1.5, ends[1] * 1.5)
    scale = alt.Scale(type="log", nice=False, padding=8, domain=[low, high])
    axis = alt.Axis(values=log_ticks(low, high), labelOverlap="greedy", labelSeparation=6, format="~g")
    return alt.X("x:Q", title=title, scale=scale, axis=axis)


def setting_axis(title: str, ends: Sequence[float]) -> alt.X:
    """Return a linear axis of ``x`` between two ends, or around one."""
    low, high = ends if ends[0] < ends[1] else (ends[0] - 1, ends[1] + 1)
    return alt.X("x:Q", title=title, scale=alt.Scale(nice=False, zero=False, padding=8, domain=[low, high]))


def log_ticks(low: float, high: float) -> list[float]:
    """Return the round numbers between two that a logarithmic axis names: 1, 2 and 5 times powers of ten, or more."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for digits in ((1, 2, 5), range(1, 10), range(10, 100)):
        ticks = [float(f"{digit}e{power - (digits[-1] > 9)}") for power in powers for digit in digits]
        found = [tick for tick in ticks if low <= tick <= high]
        if len(found) > 2:
            return found
    return [low, high]


def original_rules(points: Sequence[Point], mean: alt.Y, color: alt.Color) -> list[alt.Chart]:
    """Return the original's value as a dashed line for each series, or one that all share."""
    values = {each["original"] for each in points}
    if None in values:
        return []
    rule = alt.Chart().mark_rule(strokeDash=[5, 4], color=NEUTRAL).encode(y=mean)
    return [rule if len(values) == 1 else rule.encode(color=color)]


def tooltip_of(axes: Axes) -> list[alt.Tooltip]:
    """Return what is said of a point."""
    numbers = {"y": axes.y, "low": "interval from", "high": "to"}
    return [
        *(alt.Tooltip(f"{each}:N") for each in ("series", "setting")),
        *(alt.Tooltip(f"{each}:Q", title=title, format=".2f") for each, title in numbers.items()),
        alt.Tooltip("rate:Q", title="bits per pixel", format=".3f"),
    ]


def legend_of(series: Sequence[str]) -> alt.LayerChart:
    """Return the series with their colours and shapes, for panels that are drawn apart from each other."""
    names, count = list(series), len(series)
    base = alt.Chart(alt.Data(values=[{"series": name, "x": 0} for name in names])).encode(
        y=alt.Y("series:N", sort=names, axis=None), x=alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 10]))
    )
    color = alt.Color("series:N", scale=alt.Scale(domain=names, range=OKABE_ITO[:count]), legend=None)
    shape = alt.Shape("series:N", scale=alt.Scale(domain=names, range=SHAPES[:count]), legend=None)
    swatches = base.mark_point(filled=True, size=70, opacity=1).encode(color=color, shape=shape)
    text = base.mark_text(align="left", dx=10, color=NEUTRAL, fontSize=13).encode(text="series:N")
    chart: alt.LayerChart = alt.layer(swatches, text).properties(height=alt.Step(20), view=NO_FRAME)
    return chart


NO_FRAME = alt.ViewBackground(strokeOpacity=0)
