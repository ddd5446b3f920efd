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
from suite.db.queries import EntryRow, PublishedNumber, RankingRow, StoredProtocol
from suite.report.advice import Advice, Question
from suite.report.advisor import advise
from suite.report.board.curves import Intervals, drop_intervals, rate_table
from suite.report.board.disagreements import Disagreements, disagreements
from suite.report.board.entry import EntryReport, read_entry
from suite.report.board.names import Names, names_of
from suite.report.board.speeds import Speeds, read_speeds
from suite.report.board.standing import Standing, standing_of
from suite.report.comparison import Comparison, compare
from suite.report.open_codecs import with_open_codecs
from suite.report.tables import Standings, TextTable
from suite.report.thumbnails import Gallery, gallery
from suite.report.ties import MOST_ENTRIES, standings_of

DEFAULT_DATABASE = "results/suite.db"
KEPT = 4
"""So many protocols are kept in memory: one of a million results takes some 70 MB."""

KEPT_SMALL = 128
"""So many of what is small and takes a part of a second to compute."""


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
        return kept_ties(self.path, self.state, self._digest, track) if self.standing else {}

    def names(self) -> Names:
        """Return names that tell the entries of the chosen protocol apart."""
        return kept_names(self.path, self.state, self._digest)

    def row(self, place: int) -> RankingRow:
        """Return an entry with all its drops: also those by codecs that the protocol measures and does not name."""
        return kept_row(self.path, self.state, self._digest, place)

    def drop_intervals(self, place: int) -> Intervals:
        """Return the intervals of an entry's drops, as far as stored outcomes give them. Raises DamagedOutcomes."""
        return kept_intervals(self.path, self.state, self._digest, place)

    def rate_table(self, places: tuple[int, ...], reference: str) -> TextTable:
        """Return areas and BD numbers of some entries of one track against a codec, named by its label."""
        return kept_rate_table(self.path, self.state, self._digest, places, reference)

    @property
    def _digest(self) -> str:
        """The chosen protocol's digest, empty while nothing is measured."""
        return self.standing.protocol.digest if self.standing else ""

    def speeds(self, track: str) -> tuple[Speeds, ...]:
        """Return what was timed on a track, host by host."""
        return kept_speeds(self.path, self.state, self._digest, track) if self.standing else ()

    def comparison(self, first: str, second: str, metric: str, machine: str | None) -> tuple[Comparison, ...]:
        """Compare two entries on every track that they share. Raises UsageError, DataError or StorageError."""
        if self.standing is None:
            return ()
        return kept_comparison(self.path, self.state, self._digest, first, second, metric=metric, machine=machine)

    def disagreements(self, results: tuple[int, int], side: int) -> tuple[Disagreements, Gallery]:
        """Return the samples that only one of two results gets right, with pictures of one side. Raises StorageError.

        ``side``: 0 where the first is right, 1 where the second is.
        """
        return kept_disagreements(self.path, self.state, results, side)

    def entry(self, row: EntryRow) -> EntryReport:
        """Return everything that is recorded of an entry of the standing."""
        return kept_entry(self.path, self.state, self._digest, row)

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
def kept_names(path: Path, state: str, digest: str) -> Names:
    """Return names that tell a protocol's entries apart."""
    return names_of(kept_standing(path, state, digest))


@lru_cache(maxsize=KEPT_SMALL)
def kept_intervals(path: Path, state: str, digest: str, place: int) -> Intervals:
    """Return the intervals of an entry's drops. Raises DamagedOutcomes."""
    return drop_intervals(open_for_reading(path), kept_row(path, state, digest, place))


@lru_cache(maxsize=KEPT_SMALL)
def kept_row(path: Path, state: str, digest: str, place: int) -> RankingRow:
    """Return an entry with all its drops."""
    row = kept_standing(path, state, digest).entries.row(place)
    return with_open_codecs(open_for_reading(path), digest, [row])[0]


@lru_cache(maxsize=KEPT_SMALL)
def kept_rate_table(path: Path, state: str, digest: str, places: tuple[int, ...], reference: str) -> TextTable:
    """Return areas and BD numbers of some entries against a codec."""
    found = kept_standing(path, state, digest)
    rows = [kept_row(path, state, digest, place) for place in places]
    return rate_table(found.protocol.label, rows, reference)


@lru_cache(maxsize=KEPT)
def kept_published(path: Path, state: str) -> tuple[PublishedNumber, ...]:  # noqa: ARG001
    """Return what papers print."""
    return queries.published(open_for_reading(path))


@lru_cache(maxsize=KEPT_SMALL)
def kept_advice(path: Path, state: str, digest: str, question: Question) -> tuple[Advice, ...]:
    """Return what to compress with. Raises UsageError, DataError or DamagedOutcomes."""
    spec = kept_standing(path, state, digest).protocol.spec
    return advise(open_for_reading(path), spec, question)


@lru_cache(maxsize=KEPT)
def kept_speeds(path: Path, state: str, digest: str, track: str) -> tuple[Speeds, ...]:  # noqa: ARG001
    """Return what was timed on a track, host by host."""
    return read_speeds(open_for_reading(path), digest, track)


@lru_cache(maxsize=KEPT_SMALL)
def kept_comparison(
    path: Path,
    state: str,  # noqa: ARG001
    digest: str,
    first: str,
    second: str,
    *,
    metric: str,
    machine: str | None,
) -> tuple[Comparison, ...]:
    """Compare two entries. Raises UsageError, DataError or StorageError."""
    return compare(open_for_reading(path), digest, first, second, metric=metric, environment=machine)


@lru_cache(maxsize=KEPT_SMALL)
def kept_disagreements(path: Path, state: str, results: tuple[int, int], side: int) -> tuple[Disagreements, Gallery]:  # noqa: ARG001
    """Return where two results disagree, with pictures of one side. Raises StorageError."""
    found = disagreements(open_for_reading(path), results)
    rows = (found.only_first, found.only_second)[side]
    return found, gallery(found.condition, [row.place for row in rows])


@lru_cache(maxsize=KEPT_SMALL)
def kept_entry(path: Path, state: str, digest: str, row: EntryRow) -> EntryReport:  # noqa: ARG001
    """Return everything that is recorded of an entry."""
    return read_entry(open_for_reading(path), digest, row)


@lru_cache(maxsize=KEPT)
def kept_ties(path: Path, state: str, digest: str, track: str) -> Standings:
    """Return what the ranks of the best entries of a track are worth. Raises DamagedOutcomes."""
    found = kept_standing(path, state, digest)
    rows = found.entries.rows
    best = [place for place, name in enumerate(found.track_names) if name == track and rows[place].rank]
    return standings_of(open_for_reading(path), map(found.entries.row, best[:MOST_ENTRIES]))
