"""Verifies a snapshot without touching anything: the folder, the file, the schema, then every row."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
from sqlalchemy.exc import DBAPIError

from suite.db import outcomes as outcome_files
from suite.db.contents import Contents, contents
from suite.db.engine import BUSY_TIMEOUT_S, connect_for_writing, engine_of, migrate, open_for_writing, storage_errors
from suite.db.schema import REVISIONS
from suite.db.snapshot.checks import problems_of, problems_of_numbers
from suite.db.snapshot.exporting import described, tables_of
from suite.db.snapshot.manifest import (
    DATABASE,
    FILES,
    MANIFEST,
    OUTCOMES,
    ListedFile,
    Manifest,
    damaged,
    newer,
    read_manifest,
)
from suite.digest import CHUNK_BYTES
from suite.errors import DamagedOutcomes, StorageError, StorageFull, UsageError


class Snapshot(NamedTuple):
    """A verified snapshot: its manifest, every row of its database, and the digests of its per-sample tables."""

    folder: Path
    manifest: Manifest
    contents: Contents
    outcomes: tuple[str, ...]


def verify(folder: Path) -> Snapshot:
    """Return the snapshot in ``folder``, everything in it checked; an older schema is brought up to date in a copy.

    Raises UsageError for a folder that is no snapshot or one without a database, NewerDatabase for one that a newer
    suite wrote, and DamagedSnapshot for everything else.
    """
    folder = folder.resolve()
    manifest = read_manifest(folder)
    if manifest.schema_revision not in REVISIONS:
        raise newer(folder, f"schema {manifest.schema_revision}, and this suite knows none after {REVISIONS[-1]}")
    with storage_errors(folder):
        check_names(folder, manifest)
    if DATABASE not in manifest.files:
        raise UsageError(
            f"{folder} was exported without its database and is only for reading: it lists no {DATABASE}. Export it "
            "again with --format sqlite."
        )
    with storage_errors(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory(prefix="suite-snapshot-") as scratch:
        copy = Path(scratch) / DATABASE
        for name, listed in manifest.files.items():
            check_file(folder / name, listed, copy=copy if name == DATABASE else None)
        with refusing(folder / DATABASE):
            found = checked_contents(copy, manifest)
    return Snapshot(folder, manifest, found, checked_outcomes(folder, manifest, found))


def check_names(folder: Path, manifest: Manifest) -> None:
    """Raise DamagedSnapshot unless the folder holds what the manifest lists, as plain files, and nothing else."""
    for name in manifest.files:
        if name not in FILES.values() and not OUTCOMES.fullmatch(name):
            raise damaged(folder / MANIFEST, f"lists '{name[:200]}', which is no file of a snapshot")
    there = {path.relative_to(folder).as_posix() for path in plain_files(folder)}
    for name in sorted(there ^ {MANIFEST, *manifest.files}):
        raise damaged(folder / name, "is not listed in the manifest" if name in there else "is missing")


def plain_files(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder. Raises DamagedSnapshot for a link, and for whatever else is no plain file."""
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield from plain_files(path)
        elif stat.S_ISREG(mode):
            yield path
        else:
            raise damaged(path, "is a link, or no plain file")


def check_file(path: Path, listed: ListedFile, *, copy: Path | None = None) -> None:
    """Raise DamagedSnapshot unless a file is as listed. What was read is kept as ``copy``: nothing else is used."""
    state, size = hashlib.sha256(), 0
    with opened(path) as file, (copy or Path(os.devnull)).open("wb") as written:
        while chunk := file.read(CHUNK_BYTES):
            state.update(chunk)
            written.write(chunk)
            size += len(chunk)
    if size != listed.size_bytes:
        raise damaged(path, f"has {size:,} bytes, and the manifest lists {listed.size_bytes:,}")
    if f"sha256:{state.hexdigest()}" != listed.sha256:
        raise damaged(path, "was altered: it does not have the SHA-256 that the manifest lists")


def opened(path: Path) -> BinaryIO:
    """Open a file to read it. Raises StorageError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}). Check its permissions and the disk.") from error


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Raise what cannot be understood in the database of a snapshot as DamagedSnapshot."""
    try:
        yield
    except StorageFull:
        raise
    except (ValueError, TypeError, KeyError, msgspec.MsgspecError, StorageError, sqlite3.Error, DBAPIError) as error:
        raise damaged(path, f"cannot be used ({' '.join(str(error).split())[:200]})") from error


def checked_contents(copy: Path, manifest: Manifest) -> Contents:
    """Return the rows of the database at ``copy``, brought up to date. Raises ValueError for the first problem."""
    check_structure(copy, manifest.schema_revision)
    with open_for_writing(copy).connect() as connection:
        refuse_first(problems_of_numbers(connection))
        found = contents(connection)
        refuse_first(problems_of(found))
        now = described(connection, found)
    if now.digest != manifest.digest:
        raise ValueError(f"it holds the results {now.digest}, and the manifest lists {manifest.digest}")
    if now.protocols != manifest.protocols:
        raise ValueError("it holds other protocols than the manifest lists")
    for name in sorted({*now.counts, *manifest.counts}):
        held, listed = now.counts.get(name, 0), manifest.counts.get(name, 0)
        if held != listed:
            raise ValueError(f"it holds {held} rows of {name}, and the manifest lists {listed}")
    return found


def check_structure(copy: Path, revision: str) -> None:
    """Raise ValueError unless the file is a sound database with exactly the tables of that revision."""
    with closing(sqlite3.connect(copy)) as ours:
        ours.execute("PRAGMA trusted_schema=OFF")
        others = sorted(name for (_, name), _ in structure(ours).items() ^ expected_structure(revision).items())
        refuse_first(f"'{name}' is not as schema {revision} has it" for name in others)
        refuse_first(f"{row[0]}" for row in ours.execute("PRAGMA integrity_check(1)") if row != ("ok",))
        found = ours.execute("SELECT version_num FROM alembic_version").fetchall()
        if found != [(revision,)]:
            raise ValueError(f"it says that its schema is {found}, and the manifest lists {revision}")
        orphans = ours.execute("PRAGMA foreign_key_check")
        refuse_first(f"a row of {table} points at no {parent}" for table, _, parent, _ in orphans)


@cache
def expected_structure(revision: str) -> dict[tuple[str, str], str]:
    """Return the structure that the migrations up to a revision make."""
    with tempfile.TemporaryDirectory(prefix="suite-schema-") as scratch:
        fresh = Path(scratch) / DATABASE
        migrate(engine_of(fresh, lambda: connect_for_writing(fresh, BUSY_TIMEOUT_S)), to=revision)
        with closing(sqlite3.connect(fresh)) as connection:
            return structure(connection)


def structure(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Return what a database consists of: tables with their columns, triggers and views with their text.

    A table's own text does not count: versions of SQLAlchemy may set it differently.
    """
    found = {}
    for kind, name, table, text in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall():
        told: Any = " ".join((text or "").split())
        if kind == "table" and not told.startswith("CREATE VIRTUAL"):
            queries = ("SELECT * FROM pragma_table_xinfo(?)", "SELECT * FROM pragma_foreign_key_list(?)")
            told = [connection.execute(query, (name,)).fetchall() for query in queries]
        elif kind == "index":
            told = [row[2] for row in connection.execute("SELECT * FROM pragma_index_info(?)", (name,))]
        found[kind, name] = f"{table} {told}"
    return found


def refuse_first(problems: Iterator[str]) -> None:
    """Raise ValueError for the first problem, if there is one."""
    for problem in problems:
        raise ValueError(problem)


def checked_outcomes(folder: Path, manifest: Manifest, found: Contents) -> tuple[str, ...]:
    """Return the digests of a snapshot's per-sample tables. Raises DamagedSnapshot for one that lacks its digest."""
    names = [match[2] for name in manifest.files if (match := OUTCOMES.fullmatch(name))]
    digests = tuple(f"sha256:{name}" for name in names)
    for digest in digests:
        path = outcome_files.path_of(folder / "suite.outcomes", digest)
        if digest not in tables_of(found):
            raise damaged(path, "is of no result")
        try:
            outcome_files.read(path.parent.parent, digest)
        except DamagedOutcomes as error:
            raise damaged(path, "does not hold what its digest says") from error
    return digests
