"""Charts: records in, figures out. Nothing here reads a database or draws on a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from suite.db.queries import Drop, RankingRow
from suite.report.tables import entry_of

OKABE_ITO = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008)."""


def drop_curves(rows: Sequence[RankingRow]) -> alt.Chart:
    """Return the drop in percentage points against the rate in bits per pixel, a line an entry."""
    points = [point(row, drop) for row in rows for drop in row.drops if drop.drop is not None]
    return (
        alt.Chart(alt.Data(values=points))
        .mark_line(point=True)
        .encode(
            x=alt.X("rate:Q", title="rate, bits per pixel", scale=alt.Scale(type="log", nice=False)),
            y=alt.Y("drop:Q", title="drop, percentage points"),
            color=alt.Color(
                "entry:N", title="entry", scale=alt.Scale(range=OKABE_ITO), legend=alt.Legend(labelLimit=0)
            ),
            tooltip=["entry:N", "setting:N", "rate:Q", "drop:Q"],
        )
    )


def point(row: RankingRow, drop: Drop) -> dict[str, Any]:
    """Return one point of a curve."""
    return {
        "entry": entry_of(row),
        "setting": f"{drop.codec} {drop.parameter} {drop.value}",
        "rate": drop.bits_per_pixel,
        "drop": round(100 * (drop.drop or 0.0), 4),
    }
