"""The choices of mitigation, codec and setting for one model, with those that nothing else beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from suite.report.charts.curves import ends_of, rate_axis
from suite.report.charts.style import NEUTRAL, OKABE_ITO, SHAPES
from suite.report.tables import in_order


def front_scatter(points: Sequence[dict[str, Any]]) -> alt.LayerChart:
    """Return drop against rate, a point a mitigation and condition: large and filled on the Pareto front, else hollow.

    Points are those of `suite.report.board.mitigations.front_points`.
    """
    names = in_order(each["mitigation"] for each in points)
    legend = alt.Legend(orient="bottom", labelLimit=0, symbolOpacity=1, columns=2)
    base = alt.Chart().encode(
        x=rate_axis("rate, bits per pixel", ends_of(points, ("x",))),
        y=alt.Y("y:Q", title="drop, percentage points"),
        color=alt.Color("mitigation:N", scale=alt.Scale(domain=names, range=OKABE_ITO[: len(names)]), legend=legend),
        shape=alt.Shape("mitigation:N", scale=alt.Scale(domain=names, range=SHAPES[: len(names)]), legend=legend),
        tooltip=[
            *("mitigation:N", "setting:N"),
            alt.Tooltip("x:Q", title="bits per pixel", format=".3f"),
            alt.Tooltip("y:Q", title="drop, points", format="+.2f"),
            alt.Tooltip("images_per_second:Q", title="images/s", format=".1f"),
            alt.Tooltip("front:N", title="on the front"),
        ],
    )
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color=NEUTRAL, strokeDash=[5, 4]).encode(y="y:Q")
    beaten, best = ([each for each in points if each["front"] is wanted] for wanted in (False, True))
    layers = [
        zero,
        base.mark_point(filled=False, size=40, opacity=0.6).properties(data=alt.Data(values=beaten)),
        base.mark_point(filled=True, size=110, opacity=1).properties(data=alt.Data(values=best)),
    ]
    return alt.layer(*layers).properties(height=460)
