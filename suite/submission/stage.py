"""A directory for a plugin while it runs; what processes that were killed left of theirs is cleared away first."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX, LOCK = "suite-stage-", "in-use"


@contextmanager
def stage() -> Iterator[Path]:
    """Give a new directory among the temporary ones, locked as long as this process uses it, and gone afterwards."""
    clear_away(Path(tempfile.gettempdir()))
    making = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))
    place = making.with_name(making.name.removeprefix("."))
    with (making / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        making.rename(place)  # once it is locked, others may find it
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def clear_away(root: Path) -> None:
    """Remove the stages below ``root`` that nobody holds; another user's stay."""
    for lock in root.glob(f"{PREFIX}*/{LOCK}"):
        try:
            with lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:  # it is in use, another's, or gone
            continue
