"""What an unfinished run has done: the outcomes of its blocks, kept until their cells have results.

One SQLite file beside the database. Each block is one transaction, flushed to the disk, so a run that is killed at
any moment loses the blocks it was working on and no more. A cell's blocks stay valid only for the batch and layout
they were made with, which are kept with them. Whoever has the journal open is the one run that writes to its database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from suite.db.faults import storage_errors

SCHEMA = """
CREATE TABLE IF NOT EXISTS part (
    owner TEXT NOT NULL, start INTEGER NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (owner, start)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recipe (owner TEXT PRIMARY KEY, recipe TEXT NOT NULL) WITHOUT ROWID;
"""


class Journal:
    """The journal of one database. ``owner`` is a cell's or condition's digest on one environment.

    Raises DatabaseBusy while another run has it open.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}.journal")
        with storage_errors(self.path):
            self._connection = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA auto_vacuum=FULL")  # an empty journal is a small file
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def starts(self, owner: str) -> set[int]:
        """Return where the blocks start that are kept for ``owner``."""
        rows = self._connection.execute("SELECT start FROM part WHERE owner = ?", (owner,))
        return {start for (start,) in rows}

    def add(self, start: int, tables: Iterable[tuple[str, pa.Table]]) -> None:
        """Keep the tables of one block, all or none of them."""
        rows = [(owner, start, packed(table)) for owner, table in tables]
        with self._transaction():
            self._connection.executemany("INSERT OR IGNORE INTO part VALUES (?, ?, ?)", rows)

    def whole(self, owner: str) -> pa.Table:
        """Return the tables of all blocks kept for ``owner``, joined in the order of their samples."""
        rows = self._connection.execute("SELECT payload FROM part WHERE owner = ? ORDER BY start", (owner,))
        return pa.concat_tables([unpacked(payload) for (payload,) in rows]).combine_chunks()

    def recipe(self, owner: str) -> str | None:
        """Return what `adopt` recorded for ``owner``."""
        row = self._connection.execute("SELECT recipe FROM recipe WHERE owner = ?", (owner,)).fetchone()
        return None if row is None else str(row[0])

    def adopt(self, owner: str, recipe: str) -> None:
        """Record the recipe under which ``owner``'s blocks are made; blocks of another recipe are dropped."""
        if self.recipe(owner) == recipe:
            return
        self.forget([owner])
        with self._transaction():
            self._connection.execute("INSERT INTO recipe VALUES (?, ?)", (owner, recipe))

    def forget(self, owners: Sequence[str]) -> None:
        """Drop everything kept for ``owners``."""
        with self._transaction():
            for table in ("part", "recipe"):
                self._connection.executemany(f"DELETE FROM {table} WHERE owner = ?", [(o,) for o in owners])  # noqa: S608 - a constant

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with storage_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def packed(table: pa.Table) -> bytes:
    """Return a table as one Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def unpacked(payload: bytes) -> Any:
    """Return the table in an Arrow IPC stream."""
    return pa.ipc.open_stream(payload).read_all()
