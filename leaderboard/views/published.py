"""What papers print, under protocols of its own: shown beside what was measured here, never ranked with it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from leaderboard.elements import choose, show_panels, show_text_table
from leaderboard.opened import Board
from suite.db.queries import PublishedNumber, Ranking
from suite.report.charts.curves import legend_of
from suite.report.charts.published import mitigations_in, published_panels
from suite.report.published import measured_beside, of_track, plugin_of, studies_table, tables_of, tracks_of

WHAT = (
    "The papers' own numbers, under the papers' own conditions. They are not measured here and have no rank. Where the "
    "protocol chosen above has measured the same model, its curve is drawn too, in another line style."
)


def show(board: Board) -> None:
    """Show one track of the papers, with what the chosen protocol measured of the same models."""
    st.header("Published studies")
    numbers = board.published()
    if not numbers:
        st.info("The papers' numbers are not in this database. Run: suite import published")
        return
    st.text(WHAT)
    chosen = of_track(numbers, choose("Published track", tracks_of(numbers), key="paper"))
    beside = measured_beside(*measured_of(board, chosen), chosen)
    panels = published_panels(chosen, beside)
    if panels:
        st.subheader("Drop by setting, as published")
        show_panels(panels, legend_of(mitigations_in(chosen, beside)))
    for origin in dict.fromkeys(each.origin for each in beside):
        st.text(f"Beside them: {origin}")
    for table in (*tables_of(chosen), studies_table(numbers)):
        show_text_table(table)


def measured_of(board: Board, numbers: Sequence[PublishedNumber]) -> tuple[str, Ranking]:
    """Return what the chosen protocol measured of the papers' models, under its label."""
    if board.standing is None:
        return "", Ranking()
    models, entries = {plugin_of(number) for number in numbers}, board.standing.entries
    places = [place for place, row in enumerate(entries.rows) if row.model.name in models]
    return board.standing.protocol.label, Ranking.of(map(entries.row, places))
