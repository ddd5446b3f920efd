"""Codecs that a protocol measures and does not name: what they cost an entry, for curves and never for its rank."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Engine

from suite.db import queries
from suite.db.queries import Drop, RankingRow, StoredResult
from suite.db.ranking import drop_of, slot_of, slots_of
from suite.spec import PluginRef, ProtocolSpec


class Place(NamedTuple):
    """What a result and an entry have in common where they are compared."""

    model: PluginRef
    mitigation: PluginRef
    environment: str
    dataset: PluginRef
    split: str
    manifest: str


def with_open_codecs(engine: Engine, protocol_digest: str, rows: Sequence[RankingRow]) -> list[RankingRow]:
    """Return entries with the drops of codecs that the protocol does not name, behind those of its own.

    Only whole results that conform and have no erratum; of a codec's versions the one that was measured last.
    """
    spec = next((each.spec for each in queries.protocols(engine) if each.digest == protocol_digest), None)
    if spec is None or spec.open_codecs is None:
        return list(rows)
    models = dict.fromkeys(row.model.name for row in rows)
    stored = (each for model in models for each in queries.results(engine, protocol_digest, model=model, status="ok"))
    found = newest(others(spec, stored))
    return [replace(row, drops=(*row.drops, *drops_in(row, found))) for row in rows]


def others(spec: ProtocolSpec, results: Iterable[StoredResult]) -> list[StoredResult]:
    """Return the results that count and fill no place of the protocol's own, oldest first."""
    own = {*slots_of(spec)}
    counting = (each for each in results if each.counts and queries.is_usable(each.result))
    strange = (each for each in counting if slot_of(each.result.cell.condition) not in own)
    return sorted(strange, key=lambda each: each.age)


def newest(results: Sequence[StoredResult]) -> list[StoredResult]:
    """Return the newest result at each place, codec and setting, of the newest version of each codec there."""
    last = {(place_of(each), each.result.cell.condition.label): each.result.cell.condition.codec for each in results}
    kept = {
        (place_of(each), slot_of(each.result.cell.condition)): each
        for each in results
        if last[place_of(each), each.result.cell.condition.label] == each.result.cell.condition.codec
    }
    return sorted(kept.values(), key=lambda each: (each.result.cell.condition.label, each.result.cell.condition.value))


def place_of(stored: StoredResult) -> Place:
    """Return the place of a result."""
    cell, on = stored.result.cell, stored.result.cell.condition
    return Place(cell.model, cell.mitigation, stored.environment, on.dataset, on.split, on.manifest)


def drops_in(row: RankingRow, results: Iterable[StoredResult]) -> list[Drop]:
    """Return what the conditions at an entry's place cost it."""
    place = Place(row.model, row.mitigation, row.environment, row.dataset, row.split, row.manifest)
    here = (each for each in results if place_of(each) == place)
    measured = ((each, each.measure(row.metric)) for each in here)
    return [drop_of(each, measure, row.reference) for each, measure in measured if measure]
