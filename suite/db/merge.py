"""Adds to a database what another one holds and it does not: `suite.db.store` is the one that calls this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, insert, select

from suite.db.contents import MEASURES, Contents, Row, contents, parents_of
from suite.db.schema import metadata


class Tally(NamedTuple):
    """How many rows of a kind were added, and how many were known."""

    added: int
    known: int


def merge(connection: Connection, theirs: Contents) -> dict[str, Tally]:
    """Add the rows of ``theirs`` that are not there, in their order, and return the tally of each table.

    Rows are the same where they say the same, whatever their numbers; a new one gets the next number. Call it in the
    transaction of a writer.
    """
    ours = contents(connection)
    numbers: dict[str, dict[int, int]] = {}
    tallies = {}
    for name, rows in theirs.items():
        known = {row.key: row.number for row in ours[name]}
        before = len(known)
        numbers[name] = add_missing(connection, rows, known, table=metadata.tables[name], numbers=numbers)
        added = len(known) - before
        tallies[name] = Tally(added, len({row.key for row in rows}) - added)
    return tallies


def add_missing(
    connection: Connection,
    rows: list[Row],
    known: dict[str, int],
    *,
    table: Table,
    numbers: Mapping[str, Mapping[int, int]],
) -> dict[int, int]:
    """Add the rows whose keys are not ``known``, which grows, and return their numbers there by their numbers here."""
    last = connection.scalar(select(func.max(table.c.id))) or 0
    parents = parents_of(table)
    new: list[dict[str, Any]] = []
    measures: list[dict[str, Any]] = []
    for row in rows:
        if row.key in known:
            continue
        last = known[row.key] = last + 1
        new.append({"id": last, **renumbered(row.values, parents, numbers)})
        measures += [{f"{table.name}_id": last, **measure} for measure in row.measures]
    insert_all(connection, table, new)
    if table.name in MEASURES:
        insert_all(connection, MEASURES[table.name], measures)
    return {row.number: known[row.key] for row in rows}


def renumbered(
    values: Mapping[str, Any], parents: Mapping[str, str], numbers: Mapping[str, Mapping[int, int]]
) -> dict[str, Any]:
    """Return a row's columns with the numbers of this database in place of the other's."""
    return {
        column: numbers[parents[column]][value] if column in parents and value is not None else value
        for column, value in values.items()
    }


def insert_all(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Add rows to a table."""
    if rows:
        connection.execute(insert(table), rows)
