"""How fast entries are, and what codecs cost: bars with the spread of their repeats, and speed beside the drop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from suite.report.charts.style import OKABE_ITO
from suite.report.tables import in_order

BAR_HEIGHT = 14
Points = Sequence[dict[str, Any]]


def grouped_bars(points: Points, *, of: str, part: str | None, title: str) -> alt.LayerChart:
    """Return a bar for each ``value``, with a line from ``low`` to ``high``: a row for each name ``of``.

    ``part`` is the field that tells the bars of a row apart, None where a row has one.
    """
    names = in_order(each[of] for each in points)
    parts = in_order(each[part] for each in points) if part else [""]
    row = alt.Y(f"{of}:N", title=None, sort=names, axis=alt.Axis(labelLimit=0))
    base = alt.Chart(alt.Data(values=list(points))).encode(
        y=row, **({"yOffset": alt.YOffset(f"{part}:N", sort=parts)} if part else {})
    )
    shown = [f"{of}:N", *([f"{part}:N"] if part else []), "value:Q", "low:Q", "high:Q"]
    bars = base.mark_bar(opacity=0.85).encode(
        x=alt.X("value:Q", title=title, stack=None),
        tooltip=[alt.Tooltip(each, format=".4g") if each[-1] == "Q" else each for each in shown],
    )
    spread = base.mark_bar(height=2, color="#888888").encode(x="low:Q", x2="high:Q")
    bars = bars.encode(color=coloured(part, parts) if part else alt.value(OKABE_ITO[0]))
    return alt.layer(bars, spread).properties(height={"step": BAR_HEIGHT * (1 if part else 1.6)})


def coloured(field: str, names: Sequence[str]) -> alt.Color:
    """Return the colours of a category, its names in order."""
    scale = alt.Scale(domain=list(names), range=OKABE_ITO)
    return alt.Color(f"{field}:N", title=None, scale=scale, legend=alt.Legend(orient="top", labelLimit=0))


def latency_ranges(points: Points) -> alt.Chart:
    """Return the percentiles of each entry's latency in milliseconds: a point each, on a line an entry."""
    names, parts = (in_order(each[field] for each in points) for field in ("entry", "percentile"))
    legend = alt.Legend(orient="top", labelLimit=0)
    return (
        alt.Chart(alt.Data(values=list(points)))
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            x=alt.X("value:Q", title="latency at batch 1, ms", scale=alt.Scale(zero=False)),
            y=alt.Y("entry:N", title=None, sort=names, axis=alt.Axis(labelLimit=0, grid=True)),
            color=alt.Color("percentile:N", title=None, scale=alt.Scale(domain=parts, range=OKABE_ITO), legend=legend),
            shape=alt.Shape("percentile:N", title=None, scale=alt.Scale(domain=parts), legend=legend),
            tooltip=["entry:N", "percentile:N", *(alt.Tooltip(f"{each}:Q", format=".4g") for each in SPREAD)],
        )
        .properties(height={"step": 2 * BAR_HEIGHT})
    )


SPREAD = ("value", "low", "high")


def speed_against_drop(points: Points, *, title: str) -> alt.LayerChart:
    """Return throughput (x, with the spread of its repeats) against the mean drop in points: a point an entry."""
    mitigations = in_order(each["mitigation"] for each in points)
    legend = alt.Legend(orient="top", labelLimit=0, columns=2, symbolOpacity=1)
    scale = alt.Scale(zero=False)
    base = alt.Chart(alt.Data(values=list(points))).encode(
        y=alt.Y("drop:Q", title="mean drop, percentage points", scale=scale),
        color=alt.Color(
            "mitigation:N", scale=alt.Scale(domain=mitigations, range=OKABE_ITO), legend=legend, title="mitigation"
        ),
    )
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=alt.X("value:Q", title=title, scale=scale),
        shape=alt.Shape("mitigation:N", scale=alt.Scale(domain=mitigations), legend=legend, title="mitigation"),
        tooltip=["entry:N", *(alt.Tooltip(f"{each}:Q", format=".4g") for each in (*SPREAD, "drop"))],
    )
    return alt.layer(base.mark_rule(opacity=0.6).encode(x="low:Q", x2="high:Q"), marks)
