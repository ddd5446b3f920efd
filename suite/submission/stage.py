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
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place, (Path(place) / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(place)


def clear_away(root: Path) -> None:
    """Remove the stages below ``root`` that nobody holds; another user's stay."""
    for lock in root.glob(f"{PREFIX}*/{LOCK}"):
        try:
            with lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:  # it is in use, another's, or gone
            continue
