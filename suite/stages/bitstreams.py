"""Bitstreams kept by content, so that no image is encoded twice: not for a second model, run or process.

One file an entry, ``CODEC/ab/cdef…`` after the digest of what was encoded and how. An entry is written whole or not
at all, checked whenever it is read, and removed when it is damaged: its image is then encoded again. Beyond the cap
the least recently used entries go first. A store that cannot be written to (a full disk) costs time, never a run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from suite.errors import UsageError
from suite.home import home

DIRECTORY_VARIABLE = "SUITE_BITSTREAMS"
CAP_VARIABLE = "SUITE_BITSTREAMS_GIB"
DEFAULT_CAP_GIB = 20.0

MAGIC = b"suite bitstream 1\n"
CHECK_BYTES = 32
LOCK = "lock"
FILLED_AFTER_EVICTION = 0.9
CHECKS_A_CAP = 64
"""How often the size is looked at while as many bytes are written as the cap allows."""
ABANDONED_AFTER_S = 3600
NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9._-]+")


class Key(NamedTuple):
    """What names an entry: its codec (a directory) and the digest of image, codec and setting (``sha256:…``)."""

    codec: str
    digest: str


class Entry(NamedTuple):
    """A file of the store: ``used_at`` is when it was last read or written, in seconds of the epoch."""

    path: Path
    byte_count: int
    used_at: float


class Store:
    """The bitstreams in one directory, shared with other threads and processes; ``cap_bytes`` is its largest size."""

    def __init__(self, directory: Path, cap_bytes: int, notice: Callable[[str], None] = lambda _: None) -> None:
        self.directory = directory
        self.cap_bytes = cap_bytes
        self._notice = notice
        self._lock = Lock()
        self._unchecked = cap_bytes  # the first entry that is written has the size looked at
        self._refused = False

    def get(self, key: Key) -> bytes | None:
        """Return the bitstream, None where there is none or its file is damaged."""
        path = self.path_of(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        data = checked(content, key.digest)
        if data is None:
            self._notice(f"The stored bitstream {path} is damaged; its image is encoded again.")
        with suppress(OSError):  # another process may have removed it, or the directory is read-only
            os.utime(path) if data is not None else path.unlink()
        return data

    def put(self, key: Key, data: bytes) -> None:
        """Keep a bitstream, if the disk allows it, and make room for it."""
        content = MAGIC + check_of(key.digest, data) + data
        if self._refused or len(content) > self.cap_bytes:
            return
        try:
            place(self.path_of(key), content)
            if self._is_due(len(content)):
                self.evict(int(self.cap_bytes * FILLED_AFTER_EVICTION), above=self.cap_bytes)
        except OSError as error:
            self._refuse(error)

    def path_of(self, key: Key) -> Path:
        """Return the file of an entry."""
        digest = key.digest.rpartition(":")[2]
        folder = NOT_IN_A_NAME.sub("_", key.codec).strip(".")[:100] or "_"
        return self.directory / folder / digest[:2] / digest[2:]

    def entries(self) -> Iterator[Entry]:
        """Yield what is kept, in no order."""
        for path in self.directory.glob("*/??/*"):
            with suppress(OSError):  # removed meanwhile
                stat = path.stat()
                if not path.name.startswith("."):
                    yield Entry(path, stat.st_size, stat.st_mtime)

    def evict(self, down_to: int, *, above: int) -> int | None:
        """Remove the least recently used entries until ``down_to`` bytes are left, if there are more than ``above``.

        Returns the number of bytes removed, None where another process is at it.
        """
        if not self.directory.is_dir():
            return 0
        with self._alone() as alone:
            if not alone:
                return None
            self._sweep()
            kept = sorted(self.entries(), key=lambda entry: entry.used_at)
            size = total = sum(entry.byte_count for entry in kept)
            if total <= above:
                return 0
            for entry in kept:
                if size <= down_to:
                    break
                entry.path.unlink(missing_ok=True)
                size -= entry.byte_count
            return total - size

    def _refuse(self, error: OSError) -> None:
        """Keep nothing more, and say so once."""
        self._refused = True
        self._notice(f"Bitstreams are not kept any more: {self.directory} cannot be written to ({error.strerror}).")

    def _is_due(self, byte_count: int) -> bool:
        """Whether enough was written for another look at the size."""
        with self._lock:
            self._unchecked += byte_count
            due = self._unchecked >= self.cap_bytes / CHECKS_A_CAP
            self._unchecked *= not due
        return due

    def _sweep(self) -> None:
        """Remove the scratch files of processes that were killed."""
        for path in self.directory.glob("*/??/.*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                    path.unlink()

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Hold the directory's lock; yields whether nobody else had it. The entries themselves need none."""
        with (self.directory / LOCK).open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


class Kind(NamedTuple):
    """How many bitstreams of one codec are kept, and how large they are together."""

    entries: int
    byte_count: int


def contents(store: Store) -> dict[str, Kind]:
    """Return what is kept, by codec."""
    sizes: dict[str, list[int]] = defaultdict(list)
    for entry in store.entries():
        sizes[entry.path.parts[-3]].append(entry.byte_count)
    return {codec: Kind(len(found), sum(found)) for codec, found in sorted(sizes.items())}


def opened(notice: Callable[[str], None] = lambda _: None) -> Store:
    """Return the user's store: in ``$SUITE_BITSTREAMS``, of at most ``$SUITE_BITSTREAMS_GIB`` GiB (0: keep nothing).

    Raises UsageError for a size that is no number.
    """
    directory = Path(os.environ.get(DIRECTORY_VARIABLE) or home() / "bitstreams")
    text = os.environ.get(CAP_VARIABLE) or str(DEFAULT_CAP_GIB)
    try:
        cap_bytes = int(float(text) * 2**30)
    except (ValueError, OverflowError):
        cap_bytes = -1
    if cap_bytes < 0:
        raise UsageError(f"{CAP_VARIABLE} is a size in GiB, such as 20 or 0.5, but it is '{text[:80]}'.")
    return Store(directory, cap_bytes, notice)


def check_of(digest: str, data: bytes) -> bytes:
    """Return what an entry's file must say: its own name is covered, so that no entry passes for another."""
    return hashlib.sha256(digest.encode() + b"\n" + data).digest()


def checked(content: bytes, digest: str) -> bytes | None:
    """Return the bitstream in a file's content, None unless it is whole, unaltered and of that digest."""
    start = len(MAGIC) + CHECK_BYTES
    check, data = content[len(MAGIC) : start], content[start:]
    return data if content.startswith(MAGIC) and check == check_of(digest, data) else None


def verified(store: Store) -> Iterator[tuple[Path, bool]]:
    """Read every entry, yield whether it is whole, and remove it if it is not."""
    for entry in store.entries():
        with suppress(FileNotFoundError):  # evicted meanwhile
            whole = is_whole(entry.path)
            if not whole:
                entry.path.unlink()
            yield entry.path, whole


def is_whole(path: Path) -> bool:
    """Whether an entry's file is what was written. Raises FileNotFoundError where it is gone."""
    return checked(path.read_bytes(), f"sha256:{path.parent.name}{path.name}") is not None


def place(path: Path, content: bytes) -> None:
    """Write a whole file or none. Not flushed: what a power cut tears is found when it is read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{os.getpid()}-{secrets.token_hex(8)}")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise
