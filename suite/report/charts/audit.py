"""How rates, qualities and formats of audited images are distributed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import altair as alt
import numpy as np

from suite.report.charts.style import OKABE_ITO, PANEL_HEIGHT

BINS = 30


def histogram_chart(values: Sequence[float | None], title: str) -> alt.Chart | None:
    """Return how many images have which value; None where nothing is known."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return None
    counts, edges = np.histogram(known, bins=BINS)
    bars = [
        {"from": low, "to": high, "images": count}
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]
    return (
        alt.Chart(alt.Data(values=bars))
        .mark_bar(color=OKABE_ITO[0])
        .encode(
            x=alt.X("from:Q", title=title, scale=alt.Scale(zero=False, nice=False)),
            x2="to:Q",
            y=alt.Y("images:Q", title="images"),
            tooltip=[alt.Tooltip("from:Q", format=".4"), alt.Tooltip("to:Q", format=".4"), "images:Q"],
        )
        .properties(height=PANEL_HEIGHT)
    )


def counts_chart(values: Sequence[str | None], title: str) -> alt.Chart | None:
    """Return how many images are of which kind, the commonest first; None where nothing is known."""
    counts = Counter(value for value in values if value)
    if not counts:
        return None
    bars = [{"kind": kind, "images": count} for kind, count in counts.most_common()]
    return (
        alt.Chart(alt.Data(values=bars))
        .mark_bar(color=OKABE_ITO[0])
        .encode(
            x=alt.X("images:Q", title="images"),
            y=alt.Y("kind:N", title=title, sort=None, axis=alt.Axis(labelLimit=0)),
            tooltip=["kind:N", "images:Q"],
        )
    )
