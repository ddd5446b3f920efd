"""How two entries differ, condition by condition: a forest plot."""

from __future__ import annotations

from typing import Any

import altair as alt

from suite.report.charts.style import OKABE_ITO
from suite.report.comparison import Comparison

ALPHA = 0.05
APART, TOGETHER = "told apart (p, Holm, below 0.05)", "not told apart"
ROW_HEIGHT = 20


def forest(found: Comparison) -> alt.LayerChart:
    """Return the difference, first minus second in percentage points, with its 95 % interval: a row a condition."""
    points = forest_points(found)
    scale = alt.Scale(domain=[APART, TOGETHER], range=[OKABE_ITO[1], OKABE_ITO[0]])
    legend = alt.Legend(orient="top", labelLimit=0, columns=1)
    base = alt.Chart(alt.Data(values=points)).encode(
        y=alt.Y("condition:N", title=None, sort=[each["condition"] for each in points], axis=alt.Axis(labelLimit=0)),
        color=alt.Color("finding:N", title=None, scale=scale, legend=legend),
    )
    difference = alt.X("difference:Q", title=f"difference in {found.metric}, percentage points")
    marks = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=difference,
        shape=alt.Shape(
            "finding:N",
            title=None,
            scale=alt.Scale(domain=[APART, TOGETHER], range=["diamond", "circle"]),
            legend=legend,
        ),
        tooltip=["condition:N", *(alt.Tooltip(f"{each}:Q", format=".3g") for each in NUMBERS)],
    )
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(strokeDash=[4, 4], color="#999999").encode(x="zero:Q")
    intervals = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")
    return alt.layer(zero, intervals, marks).properties(height={"step": ROW_HEIGHT})


NUMBERS = ("difference", "low", "high", "p_holm")


def forest_points(found: Comparison) -> list[dict[str, Any]]:
    """Return a row for each condition."""
    return [
        {
            "condition": row.condition,
            "difference": 100 * row.difference.value,
            "low": 100 * row.difference.low,
            "high": 100 * row.difference.high,
            "p_holm": row.corrected_p_value,
            "finding": APART if row.corrected_p_value < ALPHA else TOGETHER,
        }
        for row in found.conditions
    ]
