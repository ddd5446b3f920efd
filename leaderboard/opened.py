"""The database behind the board: what is read of it once and kept until something is recorded."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine

from suite.db import queries
from suite.db.engine import open_for_reading
from suite.db.queries import PublishedNumber, StoredProtocol
from suite.report.advice import Advice, Question
from suite.report.advisor import advise
from suite.report.board.standing import Standing, standing_of
from suite.report.tables import Standings
from suite.report.ties import MOST_ENTRIES, standings_of

DEFAULT_DATABASE = "results/suite.db"
KEPT = 4
"""So many protocols are kept in memory: one of a million results takes some 70 MB."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """What every page is given. ``standing`` is that of the chosen protocol, None while nothing is measured."""

    path: Path
    engine: Engine
    state: str
    protocols: tuple[StoredProtocol, ...]
    standing: Standing | None

    def ties(self, track: str) -> Standings:
        """Return what the ranks of the best entries of a track are worth. Raises DamagedOutcomes."""
        if self.standing is None:
            return {}
        return kept_ties(self.path, self.state, self.standing.protocol.digest, track)

    def published(self) -> tuple[PublishedNumber, ...]:
        """Return what papers print."""
        return kept_published(self.path, self.state)


def database_path() -> Path:
    """Return which database to show: the first argument after ``--``, else ``$SUITE_DATABASE``, else the usual one."""
    arguments = sys.argv[1:]
    return Path(arguments[0] if arguments else os.environ.get("SUITE_DATABASE", DEFAULT_DATABASE))


# What is kept is known by the database's path and its state: what changes whenever something is recorded.
@lru_cache(maxsize=KEPT)
def kept_protocols(path: Path, state: str) -> tuple[StoredProtocol, ...]:  # noqa: ARG001 - a key, as below
    """Return the protocols that have results."""
    return queries.protocols(open_for_reading(path))


@lru_cache(maxsize=KEPT)
def kept_standing(path: Path, state: str, digest: str) -> Standing:
    """Return a protocol's standing, read anew when something has been recorded."""
    (protocol,) = (each for each in kept_protocols(path, state) if each.digest == digest)
    return standing_of(open_for_reading(path), protocol)


@lru_cache(maxsize=KEPT)
def kept_published(path: Path, state: str) -> tuple[PublishedNumber, ...]:  # noqa: ARG001
    """Return what papers print."""
    return queries.published(open_for_reading(path))


@lru_cache(maxsize=16 * KEPT)
def kept_advice(path: Path, state: str, digest: str, question: Question) -> tuple[Advice, ...]:
    """Return what to compress with. Raises UsageError, DataError or DamagedOutcomes."""
    spec = kept_standing(path, state, digest).protocol.spec
    return advise(open_for_reading(path), spec, question)


@lru_cache(maxsize=KEPT)
def kept_ties(path: Path, state: str, digest: str, track: str) -> Standings:
    """Return what the ranks of the best entries of a track are worth. Raises DamagedOutcomes."""
    found = kept_standing(path, state, digest)
    rows = found.entries.rows
    best = [place for place, name in enumerate(found.track_names) if name == track and rows[place].rank]
    return standings_of(open_for_reading(path), map(found.entries.row, best[:MOST_ENTRIES]))
