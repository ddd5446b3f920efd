"""Drop against rate, and what the curves come to."""

from __future__ import annotations

import streamlit as st

from leaderboard.elements import measured
from leaderboard.opened import Board
from suite.report.charts.curves import drop_curves


def show(board: Board) -> None:
    """Show the curves of the best entries."""
    st.header("Curves")
    standing = measured(board)
    if standing is None:
        return
    rows = [standing.entries.row(place) for place in range(min(8, len(standing.entries.rows)))]
    st.altair_chart(drop_curves(rows), width="stretch")
