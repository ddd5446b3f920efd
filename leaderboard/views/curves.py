"""Drop against rate."""

from __future__ import annotations

import streamlit as st

from leaderboard.charts import drop_curves
from suite.db.queries import Ranking


def show(found: Ranking) -> None:
    """Show the curves of the ranked entries, or of the others where none is ranked."""
    rows = found.ranked or found.unranked
    if any(row.drops for row in rows):
        st.subheader("Drop by rate")
        st.altair_chart(drop_curves(rows), width="stretch")
