"""What all charts share: colours, shapes, the size of a small multiple, and the legend of several."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

OKABE_ITO = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999"]
"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008)."""

SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]
"""A shape for each colour, for print and for whoever tells no colours apart."""

MOST_SERIES = len(OKABE_ITO)
"""So many lines or groups can be told apart in one chart."""

NEUTRAL = "#808080"
"""Rules and marks that belong to no series: seen on white and on black."""

PANEL_WIDTH, PANEL_HEIGHT, PANELS_A_ROW = 320, 240, 3
LEGEND_ROW = 24
"""The height of a line of a legend, in pixels."""


def legend(names: Sequence[str]) -> alt.Chart:
    """Return a legend of its own for charts side by side: a name a line, in the order of `OKABE_ITO`."""
    return (
        alt.Chart(alt.Data(values=[{"name": name} for name in names]))
        .mark_point(filled=True, opacity=1, size=120)
        .encode(
            x=alt.value(6),
            y=alt.Y(
                "name:N",
                sort=None,
                title=None,
                axis=alt.Axis(domain=False, ticks=False, grid=False, labelLimit=0),
            ),
            color=alt.Color("name:N", scale=alt.Scale(domain=list(names), range=OKABE_ITO), legend=None),
        )
        .properties(width=PANEL_WIDTH, height=LEGEND_ROW * len(names))
        .configure_view(stroke=None)
    )
