"""One entry's values against the rate, with their intervals."""

from __future__ import annotations

from typing import Any

import altair as alt

from suite.db.queries import RankingRow
from suite.report.charts.style import OKABE_ITO
from suite.report.tables import in_order, setting_of

HEIGHT = 380


def entry_curve(row: RankingRow) -> alt.LayerChart:
    """Return an entry's metric in percent against the rate in bits per pixel: a line and a shape a codec.

    Bands are the 95 % intervals; the dashed line is the value on the originals.
    """
    points = entry_points(row)
    codecs = in_order(each["codec"] for each in points)
    scale, legend = (
        alt.Scale(domain=codecs, range=OKABE_ITO),
        alt.Legend(orient="top", labelLimit=0, columns=3, symbolOpacity=1),
    )
    base = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X("rate:Q", title="rate, bits per pixel", scale=alt.Scale(type="log", nice=False)),
        color=alt.Color("codec:N", title=None, scale=scale, legend=legend),
    )
    value = alt.Y("value:Q", title=f"{row.metric}, %", scale=alt.Scale(zero=False))
    tooltip = ["setting:N", *(alt.Tooltip(f"{each}:Q", format=".4g") for each in ("rate", "value", "low", "high"))]
    layers: list[alt.Chart] = [
        base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=f"{row.metric}, %"), y2="high:Q"),
        base.mark_line().encode(y=value),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            y=value,
            shape=alt.Shape("codec:N", title=None, scale=alt.Scale(domain=codecs), legend=legend),
            tooltip=tooltip,
        ),
    ]
    if row.reference is not None:
        original = alt.Chart(alt.Data(values=[{"value": 100 * row.reference.value}]))
        layers.append(original.mark_rule(strokeDash=[6, 4], color="#999999").encode(y="value:Q"))
    return alt.layer(*layers).properties(height=HEIGHT)


def entry_points(row: RankingRow) -> list[dict[str, Any]]:
    """Return the conditions of an entry that have a rate."""
    return [
        {
            "codec": drop.codec,
            "setting": setting_of(drop),
            "rate": drop.bits_per_pixel,
            "value": 100 * drop.measure.value,
            "low": 100 * (drop.measure.value if drop.measure.low is None else drop.measure.low),
            "high": 100 * (drop.measure.value if drop.measure.high is None else drop.measure.high),
        }
        for drop in row.drops
        if drop.bits_per_pixel
    ]
