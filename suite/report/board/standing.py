"""A protocol's entries with everything that a reader may sort or filter them by, read once for all pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from suite.api import Card
from suite.db import queries
from suite.db.queries import Entries, EntryRow, StoredProtocol, Throughput, Verification
from suite.protocols import is_released
from suite.report.attribution import Entry, pinned
from suite.report.badges import Badges, badge_of, badges_of
from suite.report.tables import entry_of
from suite.spec import ORIGINAL, PluginRef

EntryKey: TypeAlias = tuple[PluginRef, PluginRef, str]
"""Model, mitigation and machine."""

NO_CARD = Card(summary="")

SAME_VALUE = 1e-3
"""By how much, as a fraction, values of two machines may differ and reproduce each other."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One protocol's entries, the cards of their models and mitigations, and how fast they are.

    ``speeds`` are the newest timings that count, by entry; ``withdrawn`` is how many results have an erratum.
    ``badges`` are the newest verifications, by plugin.
    """

    protocol: StoredProtocol
    entries: Entries
    cards: Mapping[PluginRef, Card]
    speeds: Mapping[EntryKey, Throughput]
    withdrawn: int
    badges: Badges

    @cached_property
    def tracks(self) -> tuple[str, ...]:
        """The names of the tables that the entries stand in, as they first come."""
        return tuple(dict.fromkeys(self.track_names))

    @cached_property
    def track_names(self) -> tuple[str, ...]:
        """Each entry's table."""
        return tuple(map(track_name, self.entries.rows))

    @cached_property
    def unmitigated(self) -> NDArray[np.intp]:
        """The place of the same model without a mitigation on the same machine and samples; -1: there is none."""
        plain = {
            samples_of(row): place for place, row in enumerate(self.entries.rows) if row.mitigation.name == ORIGINAL
        }
        return np.array([plain.get(samples_of(row), -1) for row in self.entries.rows], np.intp)

    @cached_property
    def verified(self) -> NDArray[np.bool_]:
        """Whether a share of an entry's predictions was made again, and came out as recorded."""
        found = map(self.badge, self.entries.rows)
        return np.array([badge is not None and badge.ok for badge in found], bool)

    @cached_property
    def reproduced(self) -> NDArray[np.bool_]:
        """Whether an entry was measured on another machine too, with the same value under every condition."""
        places: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for place, row in enumerate(self.entries.rows):
            places[row.task, row.dataset, row.split, row.manifest, row.limit, row.model, row.mitigation].append(place)
        found = np.zeros(len(self.entries.rows), bool)
        for group in places.values():
            for first, second in combinations(group, 2):
                found[[first, second]] |= self._agree(first, second)
        return found

    def _agree(self, first: int, second: int) -> bool:
        """Return whether two entries of different machines are complete and have the same values."""
        rows, values = self.entries.rows, self.entries.numbers["value"]
        if rows[first].environment == rows[second].environment:
            return False
        references = [row.reference.value if row.reference else np.nan for row in (rows[first], rows[second])]
        ours, theirs = (
            np.append(values[place], reference) for place, reference in zip((first, second), references, strict=True)
        )
        return bool(np.all(np.abs(ours - theirs) <= SAME_VALUE))

    def recovered(self, columns: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the part of the unmitigated model's mean drop over some conditions that each entry buys back.

        1: all of it; below 0: it made matters worse. NaN where nothing was lost, or not all of it is known.
        """
        mean = self.mean_drops(columns)
        plain = np.where(self.unmitigated >= 0, mean[self.unmitigated], np.nan)
        mitigated = np.array([row.mitigation.name != ORIGINAL for row in self.entries.rows], bool)
        lost = np.where((plain > 0) & mitigated, plain, np.nan)
        part: NDArray[np.float64] = 1 - mean / lost
        return part

    def mean_drops(self, columns: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return each entry's mean drop over some conditions, a fraction; NaN unless it has all of them."""
        chosen = self.entries.drops[:, columns]
        if not chosen.shape[1]:
            return np.full(len(chosen), np.nan)
        means: NDArray[np.float64] = chosen.mean(axis=1)
        return means

    def card(self, ref: PluginRef) -> Card:
        """Return what is known of a plugin."""
        return self.cards.get(ref, NO_CARD)

    def badge(self, row: EntryRow) -> Verification | None:
        """Return an entry's badge, None where nobody verified it."""
        return badge_of(self.badges, row)

    def speed(self, row: EntryRow) -> Throughput | None:
        """Return how fast an entry is, if it was timed on its machine."""
        return self.speeds.get((row.model, row.mitigation, row.environment))


def standing_of(engine: Engine, protocol: StoredProtocol) -> Standing:
    """Return the standing of a stored protocol; a draft's entries have no rank."""
    found = queries.entries(engine, protocol.digest, released=is_released(protocol.spec))
    return Standing(
        protocol=protocol,
        entries=found or Entries(conditions=(), rows=(), numbers={"value": np.zeros((0, 0))}),
        cards={each.ref: each.card for each in queries.plugins(engine) if each.card},
        speeds=speeds_of(engine, protocol),
        withdrawn=queries.withdrawn(engine, protocol.digest),
        badges=badges_of(queries.verifications(engine, protocol.digest)),
    )


def speeds_of(engine: Engine, protocol: StoredProtocol) -> dict[EntryKey, Throughput]:
    """Return the newest valid timing of each entry's inference on each machine."""
    found: dict[EntryKey, Throughput] = {}
    for each in queries.throughput(engine, protocol.digest):
        timed = each.throughput
        if timed.work == "inference" and timed.status == "valid" and timed.model and timed.mitigation:
            found.setdefault((timed.model, timed.mitigation, each.environment), timed)
    return found


def track_name(row: EntryRow) -> str:
    """Return what an entry was measured on, and by what it is ranked."""
    return f"{row.task} on {row.dataset.name}, {row.split} ({row.metric or 'no metric'})"


def named_entries(standing: Standing) -> dict[str, Entry]:
    """Return the entries by their names; of two of one name the better placed."""
    found: dict[str, Entry] = {}
    for row in standing.entries.rows:
        found.setdefault(entry_of(row), Entry(entry_of(row), pinned(row.model), pinned(row.mitigation)))
    return found


def samples_of(row: EntryRow) -> tuple[object, ...]:
    """Return what two entries of one model must share to be compared."""
    return row.task, row.dataset, row.split, row.manifest, row.samples, row.limit, row.environment, row.model
