"""Puts a publication on the disk: a new folder is whole or absent; of an earlier one only its own files change."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from suite.errors import StorageError, UsageError

MANIFEST = "manifest.json"
OWN = re.compile(r"report\.(html|md)|tables/[\w-]+\.(md|tex)|figures/[\w-]+\.(svg|png|pdf)")
"""The files that a publication may hold beside its manifest; nothing else is ever removed."""


def check(out: Path, *, force: bool) -> None:
    """Raise UsageError where ``out`` is a file, or holds something and ``force`` is not given."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file. Name a folder with --out.")
    with explained(out):
        taken = out.is_dir() and any(out.iterdir())
    if taken and not force:
        raise UsageError(f"{out} holds files already. Name another folder, or write over a report with --force.")


def write(out: Path, files: Mapping[str, bytes], *, force: bool) -> None:
    """Write all files or none into a new ``out``; with ``force`` also one by one over those that are there.

    Either way they are complete beside ``out`` before anything in it changes. Raises UsageError or StorageError.
    """
    check(out, force=force)
    out = out.absolute()
    with explained(out), beside(out) as scratch:
        for path, data in files.items():
            put(scratch / path, data)
        if out.is_dir() and any(out.iterdir()):
            move_over(scratch, out, files)
        else:
            scratch.rename(out)


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """Give a new directory on the disk of ``out`` that is gone in the end."""
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f".{out.name}.{os.getpid()}-{secrets.token_hex(4)}")
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def put(path: Path, data: bytes) -> None:
    """Write a file that is on the disk when this returns."""
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def move_over(scratch: Path, out: Path, files: Mapping[str, bytes]) -> None:
    """Replace an earlier publication's files, the manifest last, and remove those of its files that are no more."""
    stale = earlier_files(out) - set(files)
    for path in sorted(files, key=lambda path: path == MANIFEST):
        (out / path).parent.mkdir(exist_ok=True)
        (scratch / path).replace(out / path)
    for path in stale:
        (out / path).unlink(missing_ok=True)


def earlier_files(out: Path) -> set[str]:
    """Return the files that an earlier publication in ``out`` lists; none where there is no manifest to be read."""
    try:
        listed = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {path for path in listed if OWN.fullmatch(path)}
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return set()


@contextmanager
def explained(out: Path) -> Iterator[None]:
    """Raise what the file system refuses as a StorageError."""
    try:
        yield
    except OSError as error:
        place = error.filename or out
        raise StorageError(
            f"{place} cannot be written ({error.strerror or error}). Check permissions and free space, or name another "
            "folder with --out."
        ) from error
