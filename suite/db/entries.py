"""One row an entry, made from its results: what `queries.entries` reads at once where a protocol has a million of them.

The rows of the table `entry` are derived. The writer brings them up to date (`refresh`); what it has not come to yet is
made while reading, so that a reader never sees an old number.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, tuple_, union

from suite.api import Task
from suite.db.ranking import Entry, Samples, drops_of, entries_of, metric_of, placed, row_of, slots_of, track_of
from suite.db.records import CodecSetting, Drop, Entries, EntryRow
from suite.db.rows import plugins_by_id, stored_results
from suite.db.schema import condition, entry, environment, erratum, summarised
from suite.db.schema import result as results_table
from suite.spec import ORIGINAL, Measure, PluginRef, ProtocolSpec, TrackSpec

GROUPS_AT_ONCE = 64
"""So many models and machines are summed up in one transaction: a second's work, and bounded memory."""


class Group(NamedTuple):
    """What is summed up together, because its entries share their references: a model on a machine."""

    model_id: int
    environment_id: int


class Mark(NamedTuple):
    """The last result and the last erratum that are known."""

    result_id: int
    erratum_id: int


def last(connection: Connection) -> Mark:
    """Return the newest result and erratum in the database."""
    newest = (connection.scalar(select(func.max(table.c.id))) or 0 for table in (results_table, erratum))
    return Mark(*newest)


def mark_of(connection: Connection, protocol_id: int) -> Mark:
    """Return how far a protocol's entries are up to date."""
    of = summarised.c
    row = connection.execute(select(of.result_id, of.erratum_id).where(of.protocol_id == protocol_id)).one_or_none()
    return Mark(0, 0) if row is None else Mark(*row)


def groups_since(connection: Connection, protocol_id: int, mark: Mark) -> list[Group]:
    """Return the groups whose results or errata came after ``mark``."""
    of, under = results_table.c, condition.c.protocol_id == protocol_id
    wanted = select(of.model_id, of.environment_id).join(condition).where(under)
    withdrawn = select(erratum.c.result_id).where(erratum.c.id > mark.erratum_id)
    touched = union(wanted.where(of.id > mark.result_id), wanted.where(of.id.in_(withdrawn)))
    return [Group(*row) for row in connection.execute(touched)]


def newest_of(protocol_id: int, task: str | None = None, *more: ColumnElement[bool]) -> Select[Any]:
    """Select the numbers of the newest results under a protocol, one for each cell and machine."""
    of = results_table.c
    under = select(of.id).join(condition).where(condition.c.protocol_id == protocol_id, *more)
    if task is not None:
        under = under.where(condition.c.task == str(task))
    return newest_in_each(under, of.condition_id, of.model_id, of.mitigation_id, of.environment_id)


def newest_in_each(ids: Select[Any], *group: ColumnElement[Any]) -> Select[Any]:
    """Select the number of the newest result in each group: measured last, whenever it was recorded here."""
    of = results_table.c
    age = func.row_number().over(partition_by=group, order_by=(of.created_at.desc(), of.id.desc()))
    ranked = ids.add_columns(age.label("age")).subquery()
    return select(ranked.c.id).where(ranked.c.age == 1)


class Summariser:
    """Makes the rows of the entries of one protocol from their results."""

    def __init__(self, connection: Connection, protocol_id: int, spec: ProtocolSpec) -> None:
        self._connection = connection
        self._protocol_id = protocol_id
        self._spec = spec
        self._plugins = {key_of(found.ref): number for number, found in plugins_by_id(connection).items()}
        machines = connection.execute(select(environment.c.digest, environment.c.id))
        self._environments: dict[str, int] = {row.digest: row.id for row in machines}

    def values(self, groups: Sequence[Group]) -> list[dict[str, Any]]:
        """Return the columns of every entry of some groups."""
        of = results_table.c
        newest = newest_of(self._protocol_id, None, tuple_(of.model_id, of.environment_id).in_(groups))
        found = entries_of(self._spec, stored_results(self._connection, newest))
        return [self._values(each) for each in found]

    def _values(self, found: Entry) -> dict[str, Any]:
        row = row_of(found)
        reference = row.reference
        return {
            "protocol_id": self._protocol_id,
            "task": str(row.task),
            "dataset_id": self._plugins[key_of(row.dataset)],
            "split": row.split,
            "manifest": row.manifest,
            "samples": found.setup.samples,
            "limit": row.limit,
            "model_id": self._plugins[key_of(row.model)],
            "mitigation_id": self._plugins[key_of(row.mitigation)],
            "environment_id": self._environments[row.environment],
            "newest_id": row.result_id,
            "created_at": row.created_at,
            "against": row.why_unranked,
            "reference_id": row.reference_id,
            "reference": reference and reference.value,
            "reference_low": reference and reference.low,
            "reference_high": reference and reference.high,
            "mean_drop": row.mean_drop,
            **arrays_of(found),
        }


def key_of(ref: PluginRef) -> tuple[str, str, str, str]:
    """Return what identifies a plugin's row."""
    return ref.kind, ref.name, ref.version, ref.digest


NUMBERS = ("value", "low", "high", "bits_per_pixel", "psnr_db", "ssim")
"""The arrays of float64; "results" is one of int64."""


def arrays_of(found: Entry) -> dict[str, bytes]:
    """Return an entry's arrays: one number a compressed condition of the protocol, in its order."""
    places = {found.cells[slot].id: place for place, slot in enumerate(found.expected[1:]) if slot in found.cells}
    numbers = np.full((len(NUMBERS), len(found.expected) - 1), np.nan, "<f8")
    results = np.zeros(len(found.expected) - 1, "<i8")
    for drop in drops_of(found):
        place = places[drop.result_id]
        numbers[:, place] = numbers_of(drop)
        results[place] = drop.result_id
    return {"results": results.tobytes()} | dict(zip(NUMBERS, map(np.ndarray.tobytes, numbers), strict=True))


def numbers_of(drop: Drop) -> list[float]:
    """Return the numbers of a compressed condition, in the order of `NUMBERS`; NaN where there is none."""
    given = (drop.measure.value, drop.measure.low, drop.measure.high, drop.bits_per_pixel, drop.psnr_db, drop.ssim)
    return [np.nan if number is None else number for number in given]


def refresh(connection: Connection, protocol_id: int, spec: ProtocolSpec, groups: Sequence[Group]) -> None:
    """Make the rows of some groups again."""
    of = entry.c
    connection.execute(
        delete(entry).where(of.protocol_id == protocol_id, tuple_(of.model_id, of.environment_id).in_(groups))
    )
    values = Summariser(connection, protocol_id, spec).values(groups)
    if values:
        connection.execute(insert(entry), values)


def set_mark(connection: Connection, protocol_id: int, mark: Mark) -> None:
    """Remember how far a protocol's entries are up to date."""
    connection.execute(delete(summarised).where(summarised.c.protocol_id == protocol_id))
    connection.execute(insert(summarised).values(protocol_id=protocol_id, **mark._asdict()))


def read(connection: Connection, protocol_id: int, spec: ProtocolSpec, *, task: str | None, released: bool) -> Entries:
    """Return a protocol's entries as columns, with their ranks."""
    late = groups_since(connection, protocol_id, mark_of(connection, protocol_id))
    found = [*kept(connection, protocol_id, set(late)), *Summariser(connection, protocol_id, spec).values(late)]
    values = [row for row in found if task is None or row["task"] == task]
    ordered = placed(spec, entry_rows(connection, spec, values), released=released)
    by_number = {row["newest_id"]: row for row in values}
    in_order = [by_number[row.result_id] for row in ordered]
    kinds = {"results": "<i8"} | dict.fromkeys(NUMBERS, "<f8")
    width = len(slots_of(spec)) - 1
    return Entries(
        conditions=conditions_of(spec),
        rows=tuple(ordered),
        numbers={
            name: np.frombuffer(b"".join(row[name] for row in in_order), kind).reshape(len(in_order), width)
            for name, kind in kinds.items()
        },
    )


def kept(connection: Connection, protocol_id: int, late: Container[Group]) -> list[dict[str, Any]]:
    """Return the rows that the database has of a protocol's entries, but for those of ``late`` groups."""
    found = connection.execute(select(entry).where(entry.c.protocol_id == protocol_id))
    names = list(found.keys())
    rows = (dict(zip(names, row, strict=True)) for row in found)
    return [row for row in rows if (row["model_id"], row["environment_id"]) not in late]


def conditions_of(spec: ProtocolSpec) -> tuple[CodecSetting, ...]:
    """Return the compressed conditions of a protocol, in its order."""
    return tuple(
        CodecSetting(codec.label, codec.parameters, setting)
        for codec in spec.codecs
        if codec.name != ORIGINAL
        for setting in codec.settings()
    )


def entry_rows(connection: Connection, spec: ProtocolSpec, values: Iterable[Mapping[str, Any]]) -> list[EntryRow]:
    """Return what rows say of entries, their ranks still open."""
    known = {number: found.ref for number, found in plugins_by_id(connection).items()}
    machines = {row.id: row.digest for row in connection.execute(select(environment.c.id, environment.c.digest))}
    tracks: dict[tuple[Any, ...], TrackSpec | None] = {}
    rows = []
    for row in values:
        samples = (row["task"], row["split"], row["manifest"], row["dataset_id"])
        if samples not in tracks:
            tracks[samples] = track_of(spec, Samples(Task(row["task"]), *samples[1:3], known[row["dataset_id"]]))
        rows.append(
            entry_row(row, known, metric=metric_of(tracks[samples]), environment=machines[row["environment_id"]])
        )
    return rows


def entry_row(row: Mapping[str, Any], known: Mapping[int, PluginRef], *, metric: str, environment: str) -> EntryRow:
    """Return what a row says of an entry."""
    reference = None
    if row["reference"] is not None:
        reference = Measure(name=metric, value=row["reference"], low=row["reference_low"], high=row["reference_high"])
    return EntryRow(
        rank=None,
        why_unranked=row["against"],
        task=Task(row["task"]),
        dataset=known[row["dataset_id"]],
        split=row["split"],
        manifest=row["manifest"],
        model=known[row["model_id"]],
        mitigation=known[row["mitigation_id"]],
        environment=environment,
        samples=row["samples"] if row["limit"] is None else row["limit"],
        limit=row["limit"],
        metric=metric,
        reference=reference,
        reference_id=row["reference_id"],
        mean_drop=row["mean_drop"],
        created_at=row["created_at"],
        result_id=row["newest_id"],
    )
