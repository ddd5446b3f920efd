"""Imports a snapshot: verified first, then its per-sample tables, then its rows in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from suite.db import outcomes as outcome_files
from suite.db.engine import open_for_writing
from suite.db.merge import Tally
from suite.db.snapshot.exporting import tables_of
from suite.db.snapshot.manifest import DATABASE, Manifest, read_manifest
from suite.db.snapshot.verification import Snapshot, verify
from suite.db.store import Store
from suite.errors import UsageError


class Imported(NamedTuple):
    """What an import did. ``missing`` counts the per-sample tables that neither the snapshot nor the database has."""

    manifest: Manifest
    tallies: dict[str, Tally]
    missing: int


def import_snapshot(folder: Path, database: Path) -> Imported:
    """Add what the snapshot in ``folder`` holds and ``database`` does not, which is made where there is none.

    A row that says the same as one that is there is that one: a second time adds nothing. Of a plugin's card, the
    details of an environment and when a protocol was first seen, those that came first stay. Killed at any moment, it
    leaves all rows or none. Raises UsageError, DamagedSnapshot, NewerDatabase or another StorageError.
    """
    folder, database = folder.resolve(), database.resolve()
    read_manifest(folder)
    if database.is_relative_to(folder):
        raise UsageError(f"{database} is in the snapshot itself. Name the database to import into with --database.")
    snapshot = verify(folder)
    store = Store(open_for_writing(database), database)
    outcomes = copy_outcomes(snapshot, store.outcomes)
    rows = store.import_rows(snapshot.contents)
    missing = sum(not outcome_files.path_of(store.outcomes, each).exists() for each in tables_of(snapshot.contents))
    return Imported(snapshot.manifest, {**rows, "outcomes": outcomes}, missing)


def copy_outcomes(snapshot: Snapshot, directory: Path) -> Tally:
    """Copy the per-sample tables that are not in ``directory``, or damaged there."""
    theirs = outcome_files.outcomes_directory(snapshot.folder / DATABASE)
    new = [digest for digest in snapshot.outcomes if not outcome_files.is_intact(directory, digest)]
    for digest in new:
        outcome_files.write(directory, outcome_files.read(theirs, digest))
    return Tally(len(new), len(snapshot.outcomes) - len(new))
