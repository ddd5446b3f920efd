"""Opens the database: made and migrated for the one writer, read-only for everyone else. The tables are in `schema`."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect, text

from suite.db.faults import PRIMARY_CODE, storage_errors
from suite.db.schema import REVISIONS
from suite.errors import DatabaseReadOnly, MissingDatabase, NewerDatabase, StorageError

__all__ = ["database_path", "open_for_reading", "open_for_writing", "reading", "storage_errors", "writing"]

BUSY_TIMEOUT_S = 30.0
WAL_RETRY_S = 0.02
MIGRATIONS = Path(__file__).parent / "migrations"
ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the connection it migrates in a global."""


def open_for_writing(path: Path, timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Open the database at ``path``, made or brought up to date where it has to be.

    ``timeout_s`` is how long to wait for another writer. Raises a StorageError: NewerDatabase, DatabaseReadOnly,
    DatabaseBusy, StorageFull, or the plain one for what is no database of the suite.
    """
    path = resolved(path)
    connect = partial(connect_for_writing, path, timeout_s)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_unwritable(path)
        engine = engine_of(path, connect)
        with engine.connect() as connection:
            revision = known_revision(connection, path)
        use_write_ahead_log(path, timeout_s)
        if revision != REVISIONS[-1]:
            migrate(engine)
    return engine


def open_for_reading(path: Path) -> Engine:
    """Open the database at ``path`` read-only; nothing is written, not even beside it where that is not allowed.

    Raises a StorageError: MissingDatabase, NewerDatabase, or the plain one for an older schema or another file.
    """
    path = resolved(path)
    engine = engine_of(path, partial(connect_for_reading, path))
    with storage_errors(path):
        if not path.exists():
            raise MissingDatabase(
                f"There is no database at {path}. Run 'suite run' or 'suite demo' to make one, "
                "'suite import published' for the papers' numbers, or name another with --database."
            )
        with engine.connect() as connection:
            revision = known_revision(connection, path)
    if revision != REVISIONS[-1]:
        raise StorageError(
            f"{path} has {'no results yet' if revision is None else f'the older schema {revision}'}: open it once for "
            "writing, for example with 'suite run' or 'suite import published'."
        )
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read one consistent state of the database. Raises StorageError."""
    with storage_errors(database_path(engine)), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Hold the write lock for one transaction: all of it is kept, or none. Raises StorageError."""
    with storage_errors(database_path(engine)), engine.execution_options(begin="IMMEDIATE").begin() as connection:
        yield connection


def database_path(engine: Engine) -> Path:
    """Return where the database of ``engine`` is."""
    return Path(str(engine.url.database))


def migrate(engine: Engine, to: str = REVISIONS[-1]) -> None:
    """Bring the schema up to revision ``to``, in one transaction; a process that comes second finds it done."""
    with ONE_AT_A_TIME, writing(engine) as connection:
        if known_revision(connection, database_path(engine)) == to:
            return
        from alembic import command  # a third of a second, needed once in a database's life
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        command.upgrade(config, to)


def known_revision(connection: Connection, path: Path) -> str | None:
    """Return the revision of the schema, None for an empty file. Raises NewerDatabase or StorageError."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if not {"alembic_version", "result"} <= set(tables):
        raise StorageError(f"{path} is a database of something else. Name another file with --database.")
    revision = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    if revision not in REVISIONS:
        raise NewerDatabase(
            f"{path} has schema {revision}, and this suite knows none after {REVISIONS[-1]}. Upgrade the suite: "
            "pip install --upgrade compression-suite"
        )
    return revision


def resolved(path: Path) -> Path:
    """Return the path that SQLite uses, so that everything is kept beside the real file. Raises StorageError."""
    path = path.resolve()
    if path.is_dir():
        raise StorageError(f"{path} is a directory. Name a file in it, such as {path / 'results.db'}.")
    return path


def refuse_unwritable(path: Path) -> None:
    """Raise DatabaseReadOnly now: SQLite would open a file it may not write, and fail at the first result."""
    for place in (path, path.parent):
        if place.exists() and not os.access(place, os.W_OK):
            raise DatabaseReadOnly(
                f"{place} cannot be written to. Change its permissions, or name another file with --database."
            )


def engine_of(path: Path, connect: Callable[[], sqlite3.Connection]) -> Engine:
    """Return an engine whose transactions begin when SQLAlchemy says so, not when sqlite3 guesses.

    Each has a connection of its own: the last one to close folds the write-ahead log into the file.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)), creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", begin)
    return engine


def begin(connection: Connection) -> None:
    """Begin a transaction, of the kind that `writing` asks for."""
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")


def connect_for_writing(path: Path, timeout_s: float) -> sqlite3.Connection:
    """Return a connection that is durable: a result that was recorded survives a power cut."""
    connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def use_write_ahead_log(path: Path, timeout_s: float) -> None:
    """Let readers read while a result is written; the file remembers it."""
    deadline = time.monotonic() + timeout_s
    with closing(sqlite3.connect(path, timeout=timeout_s, isolation_level=None)) as connection:
        while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                # SQLite itself does not wait for this change where two processes want it at once.
                if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(WAL_RETRY_S)


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Return a read-only connection, also where SQLite may not make the files that it shares with a writer."""
    try:
        return connect_to_uri(f"{path.as_uri()}?mode=ro")
    except sqlite3.OperationalError as error:
        if not cannot_share(error) or unmerged(path):
            raise
        # Nobody can be writing here: without a log, the file alone is the whole database.
        return connect_to_uri(f"{path.as_uri()}?mode=ro&immutable=1")


def cannot_share(error: sqlite3.Error) -> bool:
    """Return whether SQLite cannot make the files that readers share with a writer: no permission, or no space."""
    primary = error.sqlite_errorcode & PRIMARY_CODE
    return (
        primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
        or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE
    )


def connect_to_uri(uri: str) -> sqlite3.Connection:
    """Return a connection that has read the schema once, which is when SQLite finds out whether it can."""
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        with closing(connection.execute("SELECT count(*) FROM sqlite_master")) as cursor:
            cursor.fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def unmerged(path: Path) -> bool:
    """Return whether some results are still in the write-ahead log and not in the file itself."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0
