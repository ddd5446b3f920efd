"""What a protocol fixes, what changed since another one, how to cite it, and whether this machine conforms to it."""

from __future__ import annotations

import streamlit as st

from leaderboard.elements import choose, show_text_table
from leaderboard.opened import Board
from suite.db import queries
from suite.errors import UsageError
from suite.report.attribution import credits_of, stored_cards
from suite.report.board.standing import Standing, named_entries
from suite.report.citation import Citation, cite
from suite.report.doctor import diagnosis
from suite.report.protocols import difference_table, known_protocols, status_of, tables_of
from suite.spec import ProtocolSpec

THE_PROTOCOL, NOTHING = "the protocol alone", "nothing"


def show(board: Board) -> None:
    """Show everything about one protocol but its results."""
    st.header("Protocols and citing")
    known = known_protocols(each.spec for each in board.protocols)
    first = board.standing.protocol.spec.label if board.standing else next(iter(known))
    spec = known[choose("Shown here", list(known), key="shown", index=list(known).index(first))]
    for table in tables_of(spec):
        show_text_table(table)
    others = [label for label in known if label != spec.label]
    other = choose("Compare with", [NOTHING, *others], key="other")
    if other != NOTHING:
        show_text_table(difference_table(known[other], spec))
    show_citation(board, spec)
    show_conformance(spec)


def show_citation(board: Board, spec: ProtocolSpec) -> None:
    """Show how to cite numbers of a protocol, and of one entry if the reader names it."""
    st.header("How to cite")
    measured = board.standing if board.standing and board.standing.protocol.spec == spec else None
    named = named_entries(measured) if measured else {}
    entry = choose("Entry", [THE_PROTOCOL, *named], key="cited")
    found = citation(board, spec, measured, entry=entry)
    st.text(found.sentence)
    st.code(found.bibtex, language=None, wrap_lines=True)
    name = spec.label.replace("@", "-")
    left, right = st.columns(2)
    left.download_button("BibTeX", found.bibtex, f"{name}.bib", "text/plain", on_click="ignore", width="stretch")
    right.download_button("CITATION.cff", found.cff, "CITATION.cff", "text/plain", on_click="ignore", width="stretch")
    if found.without:
        st.text(f"No card names a reference for {', '.join(found.without)}: add yours.")


def citation(board: Board, spec: ProtocolSpec, measured: Standing | None, *, entry: str) -> Citation:
    """Return how to cite a protocol and, where one is named, an entry."""
    chosen = named_entries(measured).get(entry) if measured else None
    cards = stored_cards(queries.plugins(board.engine))
    return cite(spec, credits_of(spec, cards, chosen), released=status_of(spec) == "released", entry=chosen)


def show_conformance(spec: ProtocolSpec) -> None:
    """Compare the codecs and geometries of the machine that serves the board with the golden values, when asked."""
    st.header("This machine")
    st.text(
        f"Whether the codecs and geometries of the machine that serves this page give {spec.label}'s golden values."
    )
    if st.button("Check it: takes up to a minute or two", key="doctor"):
        with st.spinner("Encoding and decoding the golden images"):
            try:
                st.code(diagnosis(spec.label), language=None)
            except UsageError as error:
                st.text(str(error))
