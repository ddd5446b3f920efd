"""What papers print, and beside it what was measured here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from suite.db.queries import PublishedNumber
from suite.report.charts.style import OKABE_ITO, PANEL_HEIGHT, SHAPES
from suite.report.published import BITS_PER_PIXEL, MeasuredBeside, axis_of

AS_PUBLISHED = "as published"


def published_panels(numbers: Sequence[PublishedNumber], beside: Sequence[MeasuredBeside]) -> dict[str, alt.LayerChart]:
    """Return the drop in percentage points by setting: a chart a model and codec, by name, a colour a mitigation.

    What was measured here has another line style. All have one scale of drops; `mitigations_in` has the legend. Empty
    where no number is of a setting that is itself a number.
    """
    points = published_points(numbers, beside)
    names = list(dict.fromkeys(each["panel"] for each in points))
    drops = [each["drop"] for each in points]
    heights = alt.Scale(domain=[min(0.0, *drops), max(drops)]) if len(drops) > 1 else alt.Scale()
    mitigations = mitigations_in(numbers, beside)
    origins = list(dict.fromkeys((AS_PUBLISHED, *(each["origin"] for each in points))))
    return {
        name: panel(
            [each for each in points if each["panel"] == name],
            heights,
            color=alt.Color("mitigation:N", scale=alt.Scale(domain=mitigations, range=OKABE_ITO), legend=None),
            shape=alt.Shape("mitigation:N", scale=alt.Scale(domain=mitigations, range=SHAPES), legend=None),
            style=alt.StrokeDash("origin:N", scale=alt.Scale(domain=origins), legend=None),
        ).properties(title=name)
        for name in names
    }


def mitigations_in(numbers: Sequence[PublishedNumber], beside: Sequence[MeasuredBeside]) -> list[str]:
    """Return the mitigations that are drawn, in the order of their colours."""
    return list(dict.fromkeys(each["mitigation"] for each in published_points(numbers, beside)))


def panel(
    points: list[dict[str, Any]], heights: alt.Scale, *, color: alt.Color, shape: alt.Shape, style: alt.StrokeDash
) -> alt.LayerChart:
    """Return the chart of one model and codec."""
    drops = alt.Chart().encode(
        x=alt.X("setting:Q", title="setting", scale=alt.Scale(zero=False)),
        y=alt.Y("drop:Q", title="drop, percentage points", scale=heights),
        color=color,
        tooltip=["panel:N", "mitigation:N", "setting:Q", "drop:Q", "origin:N"],
    )
    # Points apart from the lines: as a part of them they would take the line style out of the legend.
    marks = drops.mark_point(filled=True, opacity=1).encode(shape=shape)
    layers = (drops.mark_line().encode(strokeDash=style), marks)
    return alt.layer(*layers, data=alt.Data(values=points)).properties(height=PANEL_HEIGHT)


def published_points(numbers: Sequence[PublishedNumber], beside: Sequence[MeasuredBeside]) -> list[dict[str, Any]]:
    """Return the points of papers' numbers at numeric settings, and those measured here on the same axes."""
    drawn = [number for number in numbers if number_in(number.setting) is not None]
    axes = {(number.model, number.codec): number for number in drawn}
    return [
        *(published_point(number, number_in(number.setting), number.drop) for number in drawn),
        *(
            published_point(axes[each.model, each.drop.codec], setting, each.drop.drop or 0.0)
            | {"mitigation": each.mitigation, "origin": each.origin}
            for each in beside
            if (each.model, each.drop.codec) in axes
            and (setting := place_of(each, axes[each.model, each.drop.codec].parameter)) is not None
        ),
    ]


def published_point(number: PublishedNumber, setting: float | None, drop: float) -> dict[str, Any]:
    """Return a point in the panel of a paper's number."""
    return {
        "panel": f"{number.model}, {axis_of(number)}",
        "mitigation": number.mitigation,
        "setting": setting,
        "drop": round(100 * drop, 4),
        "origin": AS_PUBLISHED,
    }


def place_of(measured: MeasuredBeside, parameter: str) -> float | None:
    """Return where a measured drop stands on a paper's axis, None where it has no place."""
    if parameter == BITS_PER_PIXEL:
        return measured.drop.bits_per_pixel
    return number_in(str(measured.drop.value)) if measured.drop.parameter == parameter else None


def number_in(setting: str) -> float | None:
    """Return the number that a setting is, None where it is another word."""
    try:
        return float(setting)
    except ValueError:
        return None
