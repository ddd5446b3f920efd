"""A directory of submissions as it lies there, without following a link or reading more than allowed.

Everything below it may be a stranger's: names, kinds and sizes are looked at first, and only then a byte is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from suite.errors import UsageError

MOST_BYTES = 1_000_000
MOST_FILES = 50_000
DEEPEST = 8
SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")

Kind: TypeAlias = Literal["file", "link", "other"]


class File(NamedTuple):
    """A file as it lies there; ``sha256`` (hexadecimal) is empty for what is too large to read, or no file."""

    kind: Kind
    size: int
    executable: bool
    sha256: str


Tree: TypeAlias = dict[str, File]
"""Path below a directory, with '/', -> what lies there. Directories are there by what they hold."""


def is_safe(path: str) -> bool:
    """Whether every part of a relative path is a name that means the same everywhere."""
    return all(SAFE.fullmatch(part) and not part.endswith(".") for part in path.split("/"))


def tree_of(root: Path) -> Tree:
    """Return what lies below ``root``, nothing where there is no such directory.

    An empty directory, or one too deep, counts as something that is no file. Raises UsageError for more files than
    anybody would submit.
    """
    if root.is_symlink() or not root.is_dir():
        return {}
    found: Tree = {}
    for path, entry in walked(root, depth=0):
        found[path] = entry
        if len(found) > MOST_FILES:
            raise UsageError(f"{root} holds more than {MOST_FILES:,} files. Remove what belongs to no submission.")
    return found


def walked(directory: Path, *, depth: int, below: str = "") -> Iterator[tuple[str, File]]:
    """Yield path and file of everything below a directory, in order of name."""
    with os.scandir(directory) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    if below and (not entries or depth > DEEPEST):
        yield below.rstrip("/"), File("other", 0, executable=False, sha256="")
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from walked(Path(entry.path), depth=depth + 1, below=f"{below}{entry.name}/")
        else:
            yield f"{below}{entry.name}", described(Path(entry.path))


def described(path: Path) -> File:
    """Return what lies at ``path``."""
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode):
        return File("link" if stat.S_ISLNK(state.st_mode) else "other", 0, executable=False, sha256="")
    readable = state.st_size <= MOST_BYTES
    digest = hashlib.sha256(read(path, MOST_BYTES)).hexdigest() if readable else ""
    return File("file", state.st_size, executable=bool(state.st_mode & 0o111), sha256=digest)


def read(path: Path, most: int) -> bytes:
    """Return at most ``most`` bytes of a regular file. Raises OSError for a link or anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no regular file")
        return file.read(most)


def below(tree: Tree, folder: str) -> Tree:
    """Return the part of a tree below one folder."""
    prefix = f"{folder}/"
    return {path.removeprefix(prefix): file for path, file in tree.items() if path.startswith(prefix)}
