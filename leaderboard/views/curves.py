"""Drop against rate, and what the curves come to."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from leaderboard.views.ranking import show_table
from suite.db.queries import Ranking
from suite.report.charts.curves import drop_curves
from suite.report.tables import TextTable


def show(found: Ranking, summaries: Sequence[TextTable]) -> None:
    """Show the curves of the ranked entries, or of the others where none is ranked, and the tables of `suite rates`."""
    rows = found.ranked or found.unranked
    if any(row.drops for row in rows):
        st.subheader("Drop by rate")
        st.altair_chart(drop_curves(rows), width="stretch")
    for table in summaries:
        show_table(table)
