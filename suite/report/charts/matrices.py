"""Heat maps with their numbers in the cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from suite.report.board.matrices import DROP, Matrix
from suite.report.charts.style import NEUTRAL

BETTER, MIDDLE, WORSE = "#0072B2", "#F7F7F7", "#D55E00"
"""Blue and vermilion of Okabe and Ito, light between them: told apart with any colour vision."""

MOST_NUMBERED = 24
"""Up to so many columns have room for numbers."""

ROW_HEIGHT = 36

LONGEST_LEVEL = 4
"""Names of up to so many letters stand level below their column."""

STRONG = 0.6
"""From this part of the full blue on, white is read better on it than black; vermilion is light enough for black."""

UNKNOWN = "-"

MOST_RECOVERED = 100.0
"""From here on, in percent, recovered parts have the full colour."""


def heat_map(matrix: Matrix) -> alt.LayerChart:
    """Return a matrix in percent or points: blue is better than 0, vermilion worse, a framed dash is unknown."""
    cells = cells_of(matrix)
    strongest = max((abs(each["value"]) for each in cells if each["value"] is not None), default=1.0) or 1.0
    end = strongest if matrix.unit == DROP else MOST_RECOVERED
    colors = [BETTER, MIDDLE, WORSE] if matrix.unit == DROP else [WORSE, MIDDLE, BETTER]
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("column:N", sort=None, title=matrix.column_title, axis=axis_of(matrix.columns)),
        y=alt.Y("row:N", sort=None, title=matrix.row_title, axis=ROW_NAMES),
        tooltip=["row:N", "column:N", alt.Tooltip("text:N", title=matrix.unit)],
    )
    scale = alt.Scale(domain=[-end, 0, end], range=colors, clamp=True)
    color = alt.Color("value:Q", title=matrix.unit, scale=scale, legend=alt.Legend(orient="bottom", titleLimit=0))
    known = base.transform_filter("isValid(datum.value)")
    layers = [
        known.mark_rect(stroke=NEUTRAL, strokeWidth=0.3).encode(color=color),
        base.transform_filter("!isValid(datum.value)").mark_rect(
            fillOpacity=0, stroke=NEUTRAL, strokeDash=[3, 3], strokeWidth=1
        ),
    ]
    if len(matrix.columns) <= MOST_NUMBERED:
        layers += numbers_on(base, -STRONG * end if matrix.unit == DROP else STRONG * end)
    return alt.layer(*layers).properties(height=alt.Step(ROW_HEIGHT))


ROW_NAMES = alt.Axis(labelLimit=0, labelOverlap=False, labelExpr="split(datum.label, ' + ')")
"""The mitigation on a line of its own: names may be long and pages narrow."""


def axis_of(columns: Sequence[str]) -> alt.Axis:
    """Return the axis of columns: names too long to stand beside each other are turned."""
    longest = max(map(len, columns), default=0)
    return alt.Axis(labelLimit=0, labelOverlap=False, labelAngle=0 if longest <= LONGEST_LEVEL else -45)


def cells_of(matrix: Matrix) -> list[dict[str, Any]]:
    """Return the cells with their numbers as text; None and a dash for what is unknown."""
    return [
        {
            "row": row,
            "column": column,
            "value": None if np.isnan(value) else round(100 * float(value), 4),
            "text": UNKNOWN if np.isnan(value) else f"{100 * value:+.1f}".replace("-0.0", "+0.0"),
        }
        for row, values in zip(matrix.rows, matrix.values, strict=True)
        for column, value in zip(matrix.columns, values, strict=True)
    ]


def numbers_on(base: alt.Chart, blue_from: float) -> list[alt.Chart]:
    """Return the numbers, white on dark cells and black on light ones, whatever the page's theme."""
    dark = f"datum.value / {blue_from} > 1"
    colors = {f"isValid(datum.value) && {dark}": "white", f"isValid(datum.value) && !({dark})": "black"}
    return [
        base.transform_filter(test).mark_text(color=color, fontSize=12).encode(text="text:N")
        for test, color in (colors | {"!isValid(datum.value)": NEUTRAL}).items()
    ]
