"""The order in which a submitted plugin sees the samples: nobody who does not know this host's secret can tell it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from suite.home import home

SECRET = "secret"  # noqa: S105 - the name of a file
SECRET_BYTES = 32

Item = TypeVar("Item")


class Shuffle:
    """An order of ``count`` samples, the same for the same ``purpose`` on this host, so that a run can be resumed."""

    def __init__(self, count: int, purpose: str) -> None:
        seed = hmac.digest(host_secret(), purpose.encode(), hashlib.sha256)
        self._order = np.random.default_rng(list(seed)).permutation(count)
        self.name = hashlib.sha256(self._order.astype("<i8").tobytes()).hexdigest()[:16]

    def shuffled(self, samples: Sequence[Item]) -> tuple[Item, ...]:
        """Return the samples in this order."""
        return tuple(samples[place] for place in self._order)

    def restored(self, table: Any) -> Any:
        """Return a pyarrow.Table, whose rows are in this order, in the order of the samples."""
        return table.take(np.argsort(self._order))


def host_secret() -> bytes:
    """Return random bytes that this host keeps to itself; they are made at the first call."""
    path = home() / SECRET
    if not path.is_file():
        keep_secret(path, secrets.token_bytes(SECRET_BYTES))
    return path.read_bytes()


def keep_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    with suppress(FileExistsError):
        os.link(scratch, path)
    scratch.unlink()
