"""The board's entry: which protocol, which page. Run it with `make leaderboard`.

The database is the first argument after ``--``, else ``$SUITE_DATABASE``, else ``results/suite.db``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st
from sqlalchemy import Engine

from leaderboard.views import curves, published, ranking
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.db.queries import Ranking, StoredProtocol
from suite.errors import StorageError
from suite.report.board import rates, standing, status_of

DEFAULT_DATABASE = "results/suite.db"


def database_path() -> Path:
    """Return which database to show."""
    arguments = sys.argv[1:]
    return Path(arguments[0] if arguments else os.environ.get("SUITE_DATABASE", DEFAULT_DATABASE))


def chosen_protocol(stored: tuple[StoredProtocol, ...]) -> StoredProtocol:
    """Let the reader choose one protocol; the choice is kept in the page's address."""
    labels = [f"{protocol.label} ({status_of(protocol)})" for protocol in stored]
    wanted = st.query_params.get("protocol", "")
    start = next((index for index, protocol in enumerate(stored) if protocol.label == wanted), 0)
    label = st.selectbox("Protocol", labels, index=start)
    protocol = stored[labels.index(label)]
    st.query_params["protocol"] = protocol.label
    return protocol


def page() -> None:
    """Show one protocol's standing, and below it what papers print."""
    st.set_page_config(page_title="compression-suite", layout="wide")
    st.title("What compression costs vision models")
    path = database_path()
    try:
        engine = open_for_reading(path)
        stored = queries.protocols(engine)
        numbers = queries.published(engine)
    except StorageError as error:
        st.info(str(error))
        return
    if not stored:
        st.info(f"{path} has no results yet. Run: suite demo")
    label, found = show_measured(engine, stored) if stored else ("", Ranking())
    published.show(numbers, label, found)


def show_measured(engine: Engine, stored: tuple[StoredProtocol, ...]) -> tuple[str, Ranking]:
    """Show the standing of the protocol that the reader chooses, and return its label and its ranking."""
    protocol = chosen_protocol(stored)
    st.caption(f"{protocol.spec.title}. {status_of(protocol)}, {protocol.digest}")
    found = standing(engine, protocol)
    ranking.show(protocol.label, found)
    curves.show(found, rates(engine, protocol))
    return protocol.label, found


page()
