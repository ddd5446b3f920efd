"""What an entry loses at each rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from suite.db.queries import Drop, RankingRow
from suite.report.charts.style import OKABE_ITO, PANEL_HEIGHT, PANEL_WIDTH, PANELS_A_ROW
from suite.report.tables import entry_of, setting_of


def drop_curves(rows: Sequence[RankingRow]) -> alt.Chart | alt.FacetChart:
    """Return the drop in percentage points against the rate in bits per pixel: a line an entry, a panel a codec.

    Of one entry the codecs share a panel, and a line is a codec's.
    """
    points = [point(row, drop) for row in rows for drop in row.drops if drop.drop is not None]
    line = "entry" if len({each["entry"] for each in points}) > 1 else "codec"
    lines = sorted({each[line] for each in points})
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_line(point=True)
        .encode(
            x=alt.X("rate:Q", title="rate, bits per pixel", scale=alt.Scale(type="log", nice=False)),
            y=alt.Y("drop:Q", title="drop, percentage points"),
            color=alt.Color(
                f"{line}:N",
                title=line,
                scale=alt.Scale(domain=lines, range=OKABE_ITO),
                legend=alt.Legend(labelLimit=0),
            ),
            tooltip=["entry:N", "setting:N", "rate:Q", "drop:Q"],
        )
    )
    if line == "codec" or len({each["codec"] for each in points}) == 1:
        return chart
    panel = chart.properties(width=PANEL_WIDTH, height=PANEL_HEIGHT)
    return panel.facet(facet=alt.Facet("codec:N", title=None), columns=PANELS_A_ROW)


def point(row: RankingRow, drop: Drop) -> dict[str, Any]:
    """Return one point of a curve."""
    return {
        "entry": entry_of(row),
        "codec": drop.codec,
        "setting": setting_of(drop),
        "rate": drop.bits_per_pixel,
        "drop": round(100 * (drop.drop or 0.0), 4),
    }
