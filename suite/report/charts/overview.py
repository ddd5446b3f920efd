"""All models at a glance: what each loses one way against what it loses another way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from suite.report.charts.style import NEUTRAL, OKABE_ITO, SHAPES
from suite.report.tables import in_order

MOST_NAMED = 15
"""Up to so many points have their model's name beside them."""


def drop_scatter(points: Sequence[dict[str, Any]], *, x_title: Sequence[str], y_title: Sequence[str]) -> alt.LayerChart:
    """Return one point a model: ``x`` against ``y`` in percentage points, with the diagonal where both are the same.

    Titles are lists of lines. Colour and shape are the task; a filled point's size is its ``images_per_second``, a
    hollow one was not timed.
    """
    ends = (min(min(each["x"], each["y"]) for each in points), max(max(each["x"], each["y"]) for each in points))
    margin = 0.05 * (ends[1] - ends[0]) or 1.0
    domain = [ends[0] - margin, ends[1] + margin]
    timed = [each for each in points if each["images_per_second"]]
    untimed = [each for each in points if not each["images_per_second"]]
    base = alt.Chart().encode(
        x=alt.X("x:Q", title=list(x_title), scale=alt.Scale(domain=domain, nice=False, zero=False)),
        y=alt.Y("y:Q", title=list(y_title), scale=alt.Scale(domain=domain, nice=False, zero=False)),
    )
    layers = [diagonal(base, domain)]
    if untimed:
        layers.append(marks(base, untimed, points, filled=False))
    if timed:
        sized = marks(base, timed, points, filled=True)
        layers.append(sized.encode(size=size_of([each["images_per_second"] for each in timed])))
    if len(points) <= MOST_NAMED:
        layers.append(labels(base, points, middle=sum(domain) / 2))
    return alt.layer(*layers).properties(height=500)


BELOW = alt.Legend(orient="bottom", labelLimit=0)


def size_of(speeds: Sequence[float]) -> alt.Size:
    """Return the size by throughput; the legend has the least and the most."""
    ends = sorted({float(f"{speed:.3g}") for speed in (min(speeds), max(speeds))})
    legend = alt.Legend(orient="bottom", labelLimit=0, values=ends)
    scale = alt.Scale(range=[60, 500], domain=[0, max(speeds)])
    return alt.Size("images_per_second:Q", title="images/s", scale=scale, legend=legend)


def labels(base: alt.Chart, points: Sequence[dict[str, Any]], *, middle: float) -> alt.Chart:
    """Return the models' names: towards the middle, where there is room, and above and below in turn."""
    ordered = sorted(points, key=lambda each: each["x"])
    placed = [
        {**each, "align": "left" if each["x"] <= middle else "right", "dy": -12 if number % 2 else 14}
        for number, each in enumerate(ordered)
    ]
    text = base.mark_text(align=alt.ExprRef("datum.align"), dy=alt.ExprRef("datum.dy"), color=NEUTRAL)
    return text.encode(text="model:N").properties(data={"values": placed})


def diagonal(base: alt.Chart, domain: Sequence[float]) -> alt.Chart:
    """Return the line on which both drops are the same."""
    ends = {"values": [{"x": end, "y": end} for end in domain]}
    return base.mark_line(color=NEUTRAL, strokeDash=[5, 4]).properties(data=ends)


def marks(
    base: alt.Chart, drawn: Sequence[dict[str, Any]], every: Sequence[dict[str, Any]], *, filled: bool
) -> alt.Chart:
    """Return some of the points, in the colours and shapes of all of them."""
    tasks = in_order(each["task"] for each in every)
    return (
        base.mark_point(filled=filled, size=120, strokeWidth=2)
        .encode(
            color=alt.Color("task:N", scale=alt.Scale(domain=tasks, range=OKABE_ITO[: len(tasks)]), legend=BELOW),
            shape=alt.Shape("task:N", scale=alt.Scale(domain=tasks, range=SHAPES[: len(tasks)]), legend=BELOW),
            tooltip=[
                *("model:N", "track:N"),
                alt.Tooltip("x:Q", title="across", format="+.2f"),
                alt.Tooltip("y:Q", title="upwards", format="+.2f"),
                alt.Tooltip("images_per_second:Q", title="images/s", format=".1f"),
            ],
        )
        .properties(data={"values": list(drawn)})
    )
