"""Writes a snapshot: one state of the database, also while a run writes to it, in a folder that is whole or absent."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, func, select

from suite import __version__
from suite.db import outcomes as outcome_files
from suite.db import queries
from suite.db.contents import Contents, contents, digest_of_contents, narrowed
from suite.db.engine import connect_for_reading, open_for_reading, open_for_writing, reading, storage_errors
from suite.db.faults import FULL
from suite.db.schema import DERIVED, REVISIONS, metadata
from suite.db.snapshot.flat import write_json, write_parquet
from suite.db.snapshot.manifest import DATABASE, FILES, FORMAT, MANIFEST, ListedFile, ListedProtocol, Manifest, sealed
from suite.db.store import Store
from suite.digest import sha256_of_file
from suite.errors import StorageFull, UnknownProtocol, UsageError
from suite.spec import to_json

TABULAR = {"parquet": write_parquet, "json": write_json}


def export(
    database: Path,
    folder: Path,
    *,
    protocols: Sequence[str] = (),
    formats: Collection[str] = tuple(FILES),
    with_outcomes: bool = False,
) -> Manifest:
    """Write a snapshot of ``database`` into the new ``folder`` and return its manifest.

    ``protocols`` narrows it: labels (name@version), names (the newest version) or digests that the database knows.
    ``formats`` are keys of `FILES`; only with ``"sqlite"`` can it be imported again. ``with_outcomes`` adds the
    per-sample tables. Raises UsageError, UnknownProtocol, StorageError or DamagedOutcomes; then there is no folder.
    """
    database, folder = database.resolve(), folder.resolve()
    check_formats(formats)
    refuse_taken(folder)
    wanted = digests_of(database, protocols)
    with storage_errors(folder), building(folder) as scratch:
        copy = scratch / DATABASE
        copy_of(database, copy, protocols=wanted)
        with reading(open_for_reading(copy)) as connection:
            found = contents(connection)
            for kind in formats:
                if kind in TABULAR:
                    TABULAR[kind](connection, scratch / FILES[kind])
            manifest = described(connection, found)
        if with_outcomes:
            copy_outcomes(outcome_files.outcomes_directory(database), scratch, found)
        if "sqlite" not in formats:
            copy.unlink()
        return finished(scratch, manifest)


def check_formats(formats: Collection[str]) -> None:
    """Raise UsageError unless there are formats, all known."""
    unknown = [kind for kind in formats if kind not in FILES]
    if unknown or not formats:
        raise UsageError(f"Expected formats among {', '.join(FILES)}, but got {', '.join(unknown) or 'none'}.")


def refuse_taken(folder: Path) -> None:
    """Raise UsageError where ``folder`` is a file, or holds anything."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} is there already. A snapshot is never written over: name another folder.")


def digests_of(database: Path, names: Sequence[str]) -> set[str] | None:
    """Return the digests of the protocols that ``names`` are of, None where none is named. Raises UnknownProtocol."""
    engine = open_for_reading(database)
    if not names:
        return None
    stored = queries.protocols(engine)  # by name and version
    newest = {each.spec.name: each.label for each in stored}
    digests: set[str] = set()
    for name in names:
        found = {each.digest for each in stored if newest.get(name, name) in (each.label, each.digest)}
        if not found:
            raise UnknownProtocol(name[:200], [each.label for each in stored])
        digests |= found
    return digests


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Give a new directory beside ``folder`` that takes its place in the end, or is gone where something fails."""
    outcome_files.make_directory(folder.parent)
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}")
    scratch.mkdir()
    try:
        yield scratch
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    outcome_files.flush_directory(folder.parent)


def copy_of(database: Path, copy: Path, *, protocols: Collection[str] | None) -> None:
    """Write one state of ``database`` to the file ``copy``, only some protocols' where they are given."""
    if protocols is None:
        vacuum(database, copy)
        return
    narrow = copy.with_name("narrow.db")
    with reading(open_for_reading(database)) as connection:
        found = narrowed(contents(connection), protocols)
    Store(open_for_writing(narrow), narrow).import_rows(found)
    vacuum(narrow, copy)
    for path in copy.parent.glob("narrow.db*"):
        path.unlink()


def vacuum(database: Path, copy: Path) -> None:
    """Write one state of ``database`` to the new file ``copy``, which needs no write-ahead log to be read."""
    try:
        with storage_errors(database), closing(connect_for_reading(database)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
    except StorageFull as error:  # the copy's disk, which SQLite does not say
        raise StorageFull(FULL.format(path=copy.parent)) from error


def described(connection: Connection, found: Contents) -> Manifest:
    """Return the manifest of a database, its files not yet listed."""
    specs = sorted((row.values["name"], row.values["version"], row.values["digest"]) for row in found["protocol"])
    return Manifest(
        format=FORMAT,
        suite_version=__version__,
        created_at=datetime.now(UTC),
        schema_revision=REVISIONS[-1],
        digest=digest_of_contents(found),
        protocols=tuple(ListedProtocol(protocol=f"{name}@{version}", digest=digest) for name, version, digest in specs),
        counts=counts(connection),
        files={},
    )


def counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows of each table."""
    measured = [table for table in metadata.sorted_tables if table not in DERIVED]
    return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in measured}


def copy_outcomes(directory: Path, scratch: Path, found: Contents) -> None:
    """Copy the per-sample tables of all results, each read whole. Raises DamagedOutcomes."""
    into = outcome_files.outcomes_directory(scratch / DATABASE)
    for digest in sorted(tables_of(found)):
        outcome_files.write(into, outcome_files.read(directory, digest))


def tables_of(found: Contents) -> set[str]:
    """Return the digests of the per-sample tables that results point at."""
    return {row.values[kind] for row in found["result"] for kind in ("outcomes", "frames")} - {""}


def finished(scratch: Path, manifest: Manifest) -> Manifest:
    """Put every file on the disk, list them all in the sealed manifest, and return that."""
    files = {}
    for path in sorted(path for path in scratch.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        listed = ListedFile(size_bytes=path.stat().st_size, sha256=sha256_of_file(path))
        files[path.relative_to(scratch).as_posix()] = listed
    whole = sealed(msgspec.structs.replace(manifest, files=files))
    text = msgspec.json.format(to_json(whole), indent=2)
    outcome_files.place(scratch / MANIFEST, f"{text}\n".encode())
    return whole
