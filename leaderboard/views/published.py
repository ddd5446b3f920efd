"""What papers print, under protocols of its own: shown beside what was measured here, never ranked with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from leaderboard.views.ranking import show_table
from suite.db.queries import PublishedNumber, Ranking
from suite.report.charts.published import published_curves
from suite.report.published import measured_beside, of_track, studies_table, tables_of, tracks_of

WHAT = (
    "The papers' own numbers, under the papers' own conditions. They are not measured here and have no rank. Where the "
    "protocol chosen above has measured the same model, its curve is drawn too, in another line style."
)


def show(numbers: Sequence[PublishedNumber], label: str, found: Ranking) -> None:
    """Show one track of the papers, with what protocol ``label`` measured of the same models."""
    st.header("Published studies")
    if not numbers:
        st.info("The papers' numbers are not in this database. Run: suite import published")
        return
    st.text(WHAT)
    chosen = of_track(numbers, st.selectbox("Published track", tracks_of(numbers)))
    beside = measured_beside(label, found, chosen)
    chart = published_curves(chosen, beside)
    if chart is not None:
        st.subheader("Drop by setting, as published")
        st.altair_chart(chart)
    for origin in dict.fromkeys(each.origin for each in beside):
        st.text(f"Beside them: {origin}")
    for table in (*tables_of(chosen), studies_table(numbers)):
        show_table(table)
