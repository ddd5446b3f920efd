"""The ranking, and the entries without a rank, each with its reason."""

from __future__ import annotations

import streamlit as st

from suite.db.queries import Ranking
from suite.report.tables import TextTable, tables_of


def show(label: str, found: Ranking) -> None:
    """Show the tables that `suite ranking` prints."""
    if not (found.ranked or found.unranked):
        st.info(f"There are no results of {label} yet. Run: suite run {label}")
    for table in tables_of(label, found):
        show_table(table)


def show_table(table: TextTable) -> None:
    """Show a table of text; nothing in it is read as Markdown or HTML."""
    st.subheader(table.title)
    st.dataframe([dict(zip(table.columns, row, strict=True)) for row in table.rows], hide_index=True)
    for note in table.notes:
        st.text(note)
