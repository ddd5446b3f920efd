"""The board's entry: the protocol at the top, and its pages. Run it with `suite leaderboard` or `make leaderboard`.

The database is the first argument after ``--``, else ``$SUITE_DATABASE``, else ``results/suite.db``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from leaderboard.elements import choose
from leaderboard.opened import Board, database_path, kept_protocols, kept_standing
from leaderboard.views import (
    advisor,
    audit,
    compare,
    curves,
    entry,
    matrices,
    mitigations,
    overview,
    protocols,
    published,
    ranking,
    throughput,
)
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.db.queries import StoredProtocol
from suite.errors import StorageError
from suite.report.board.standing import Standing
from suite.report.protocols import status_of

# Address -> title and what draws the page; the first one opens.
PAGES = {
    "overview": ("Overview", overview.show),
    "ranking": ("Ranking", ranking.show),
    "curves": ("Curves", curves.show),
    "mitigations": ("Mitigations", mitigations.show),
    "matrices": ("Matrices", matrices.show),
    "throughput": ("Throughput", throughput.show),
    "compare": ("Compare", compare.show),
    "entry": ("Entry", entry.show),
    "protocols": ("Protocols and citing", protocols.show),
    "published": ("Published studies", published.show),
    "advisor": ("Advisor", advisor.show),
    "audit": ("Audit", audit.show),
}


def main() -> None:
    """Show the chosen page of the chosen protocol."""
    st.set_page_config(page_title="compression-suite", layout="wide")
    path = database_path()
    try:
        board = opened_board(path)
    except StorageError as error:
        st.title("What compression costs vision models")
        st.text(str(error))
        return
    pages = [page(address, *what, board) for address, what in PAGES.items()]
    chosen = st.navigation(pages)
    chosen.run()
    if chosen is pages[0]:
        show_links(pages[1:])


def opened_board(path: Path) -> Board:
    """Open the database, and of it the protocol that the reader chooses. Raises StorageError."""
    engine = open_for_reading(path)
    state = queries.state(engine)
    stored = kept_protocols(path, state)
    found = kept_standing(path, state, chosen_protocol(stored).digest) if stored else None
    if found:
        show_header(found)
    return Board(path=path, engine=engine, state=state, protocols=stored, standing=found)


def page(address: str, title: str, show: Any, board: Board) -> Any:
    """Return a page of the navigation; the first one is also what the bare address shows."""
    return st.Page(partial(show, board), title=title, url_path=address, default=address == next(iter(PAGES)))


def show_links(pages: Sequence[Any]) -> None:
    """Show where to read on."""
    st.subheader("More of this board")
    with st.container(horizontal=True):
        for each in pages:
            st.page_link(each)


def chosen_protocol(stored: tuple[StoredProtocol, ...]) -> StoredProtocol:
    """Let the reader choose one protocol."""
    labels = [label_of(protocol, stored) for protocol in stored]
    return stored[labels.index(choose("Protocol", labels, key="protocol"))]


def label_of(protocol: StoredProtocol, stored: tuple[StoredProtocol, ...]) -> str:
    """Return a protocol's label, with a part of its digest where a draft was recorded in several versions."""
    alone = sum(each.label == protocol.label for each in stored) == 1
    return protocol.label if alone else f"{protocol.label} ({protocol.digest.removeprefix('sha256:')[:8]})"


def show_header(found: Standing) -> None:
    """Show which protocol this is and what to know before reading its numbers."""
    protocol, rows = found.protocol, found.entries.rows
    deviating = sum(queries.DEVIATING in row.why_unranked for row in rows)
    st.text(
        f"{protocol.spec.title}. {status_of(protocol.spec)}, {protocol.digest}\n"
        f"{protocol.results:,} results, {found.withdrawn:,} withdrawn by an erratum; entries: {len(rows):,}, "
        f"{deviating:,} from machines whose codecs do not conform"
    )


main()
