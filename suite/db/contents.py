"""Rows by what they say, apart from the numbers that one database gave them: how two databases are compared.

`merge` adds what is missing by these keys; a snapshot's digest (`suite.db.snapshot`) is taken over them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Table, select

from suite.db.schema import metadata, metric, throughput_metric
from suite.digest import digest_of

IDENTITY: Mapping[str, tuple[str, ...]] = {
    "protocol": ("digest",),
    "environment": ("digest",),
    "plugin": ("kind", "name", "version", "digest"),
    "run": ("started_at", "command", "suite_version"),
    "condition": ("digest",),
    "result": (
        *("cell", "condition_id", "model_id", "mitigation_id", "environment_id", "run_id", "status", "reason"),
        *("conformant", "tuning", "outcomes", "frames", "created_at"),
    ),
    "erratum": ("result_id", "author", "reason", "created_at"),
    "throughput": (
        *("work", "condition_id", "model_id", "mitigation_id", "reference_id", "environment_id", "run_id", "status"),
        *("reason", "steady", "settings", "created_at"),
    ),
    "verification": (
        *("plugin_id", "protocol_id", "environment_id", "predictions_sha256", "limit", "date", "author", "isolation"),
        *("share", "compared", "differing", "tolerance", "created_at"),
    ),
    "published": ("digest",),
}
"""The columns that say which row it is, for each table, in an order in which a row comes after those it points at.

What a digest covers is left to it. A result's and a timing's measures belong to their identity.
"""

MEASURES: Mapping[str, Table] = {"result": metric, "throughput": throughput_metric}


class Row(NamedTuple):
    """A row: its number in its database, its key in every database, its columns and its measures."""

    number: int
    key: str
    values: dict[str, Any]
    measures: tuple[dict[str, Any], ...]


Contents: TypeAlias = Mapping[str, list[Row]]
"""All rows of a database, table by table, in the order of their numbers."""


def contents(connection: Connection) -> Contents:
    """Return everything that a database of the newest schema holds.

    Raises ValueError or TypeError for a value that its column should not hold.
    """
    found: dict[str, list[Row]] = {}
    keys: dict[str, dict[int, str]] = {}
    for name in IDENTITY:
        found[name] = list(rows_of(connection, name, keys))
        keys[name] = {row.number: row.key for row in found[name]}
    return found


def rows_of(connection: Connection, name: str, keys: Mapping[str, Mapping[int, str]]) -> Iterator[Row]:
    """Yield the rows of a table; ``keys`` has those of the tables that it points at."""
    table, measures = metadata.tables[name], measures_of(connection, name)
    parents = parents_of(table)
    for found in connection.execute(select(table).order_by(table.c.id)):
        values = dict(found._mapping)
        number = values.pop("id")
        measured = tuple(measures.get(number, ()))
        identity = [
            keys[parents[column]].get(value) if (value := values[column]) is not None and column in parents else value
            for column in IDENTITY[name]
        ]
        told = [list(measure.values()) for measure in measured]
        key = digest_of(f"row/{name}/1", [*map(plain, identity), told])
        yield Row(number, key, values, measured)


def measures_of(connection: Connection, name: str) -> dict[int, list[dict[str, Any]]]:
    """Return the measures of a table's rows by their numbers, sorted by name; nothing for a table without."""
    table = MEASURES.get(name)
    found: dict[int, list[dict[str, Any]]] = {}
    if table is not None:
        for owner, *measure in connection.execute(select(table).order_by(*table.primary_key)):
            found.setdefault(owner, []).append(dict(zip(("name", "value", "low", "high"), measure, strict=True)))
    return found


def parents_of(table: Table) -> dict[str, str]:
    """Return which columns of a table point at which other table."""
    return {key.parent.name: key.column.table.name for key in table.foreign_keys}


def plain(value: Any) -> Any:
    """Return a column's value as JSON knows it."""
    return value.isoformat() if isinstance(value, datetime) else value


def digest_of_contents(found: Contents) -> str:
    """Return the digest of everything that was measured.

    Neither numbers nor their order count, nor what merely goes with a row: when a protocol was first seen, the card
    of a plugin, the details of an environment. A table without rows counts as one that is not there.
    """
    return digest_of("snapshot/1", {name: sorted({row.key for row in rows}) for name, rows in found.items() if rows})


def narrowed(found: Contents, protocols: Collection[str]) -> Contents:
    """Return what belongs to the protocols with these digests, and what that points at; no paper's number does."""
    kept: dict[str, list[Row]] = {name: [] for name in found}
    kept["protocol"] = [row for row in found["protocol"] if row.values["digest"] in protocols]
    for name, owner in (("condition", "protocol"), ("result", "condition"), ("erratum", "result")):
        kept[name] = owned(found[name], owner, kept[owner])
    kept["throughput"] = owned(found["throughput"], "condition", kept["condition"])
    kept["verification"] = owned(found["verification"], "protocol", kept["protocol"])
    for name in ("environment", "plugin", "run"):
        wanted = pointed_at(kept, name)
        kept[name] = [row for row in found[name] if row.number in wanted]
    return kept


def owned(rows: list[Row], owner: str, owners: list[Row]) -> list[Row]:
    """Return the rows that belong to one of ``owners``."""
    numbers = {row.number for row in owners}
    return [row for row in rows if row.values[f"{owner}_id"] in numbers]


def pointed_at(found: Contents, name: str) -> set[int]:
    """Return the numbers of a table's rows that other rows point at."""
    return {
        row.values[column]
        for table, rows in found.items()
        for column, parent in parents_of(metadata.tables[table]).items()
        if parent == name
        for row in rows
    }
