"""What SQLite and the file system report, in the words of `suite.errors`."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from suite.errors import DatabaseBusy, DatabaseReadOnly, StorageError, StorageFull

PRIMARY_CODE = 0xFF
"""SQLite's extended codes carry the primary code in their lowest byte."""

FULL = "There is no space left to write beside {path}. Free some (or raise the quota) and run the same command again."
READ_ONLY = (
    "{path} cannot be written to ({detail}). Check the permissions of the file and its directory, or name another "
    "with --database."
)
SQLITE_FAULTS: dict[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_BUSY: (
        DatabaseBusy,
        "{path} is locked: another process is writing to it. Wait until it is done, then run the same command again.",
    ),
    sqlite3.SQLITE_READONLY: (DatabaseReadOnly, READ_ONLY),
    sqlite3.SQLITE_PERM: (DatabaseReadOnly, READ_ONLY),
    sqlite3.SQLITE_FULL: (StorageFull, FULL),
    sqlite3.SQLITE_IOERR_SHMSIZE: (StorageFull, FULL),
    sqlite3.SQLITE_IOERR: (
        StorageError,
        "{path} could not be read or written ({detail}). Check the free space, the quota and the disk.",
    ),
    sqlite3.SQLITE_CORRUPT: (StorageError, "{path} is damaged ({detail}). Restore it from a backup."),
    sqlite3.SQLITE_NOTADB: (
        StorageError,
        "{path} is no database of the suite ({detail}). Name another file with --database.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StorageError,
        "{path} cannot be opened ({detail}). Check that it is a file in a directory that you may read and write.",
    ),
}
OS_FAULTS: dict[int, tuple[type[StorageError], str]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), (StorageFull, FULL)),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), (DatabaseReadOnly, READ_ONLY)),
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Raise what goes wrong with the database at ``path``, or with the files beside it, as a StorageError."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        fault = of_sqlite(path, error.orig if isinstance(error, DBAPIError) else error)
        if fault is None:
            raise
        raise fault from error
    except OSError as error:
        raise of_system(path, error) from error


def of_sqlite(path: Path, error: BaseException | None) -> StorageError | None:
    """Return the StorageError for what SQLite raised, None for a mistake in the suite's own use of it."""
    code = getattr(error, "sqlite_errorcode", 0)
    found = SQLITE_FAULTS.get(code) or SQLITE_FAULTS.get(code & PRIMARY_CODE)
    return found and found[0](found[1].format(path=path, detail=error))


def of_system(path: Path, error: OSError) -> StorageError:
    """Return the StorageError for an error of the operating system."""
    place = Path(str(error.filename)) if error.filename else path
    kind, message = OS_FAULTS.get(error.errno or 0, (StorageError, "{path} cannot be used ({detail})."))
    return kind(message.format(path=place, detail=error.strerror or error))
