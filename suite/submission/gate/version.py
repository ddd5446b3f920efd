"""One version of a submission: its files, what they say, and whether they can be read at all."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from suite.errors import SuiteError
from suite.spec import Spec
from suite.submission.gate.problem import Problem
from suite.submission.gate.tree import MOST_BYTES, Tree, is_safe, read
from suite.submission.records import (
    ERRATA,
    OLDER,
    PLUGIN,
    README,
    RESULTS,
    SCHEMA,
    SUBMISSION,
    VERIFICATIONS,
    Errata,
    Results,
    Submission,
    Verifications,
)

MOST_TOML_BYTES = 64 << 10
MOST_DOTS = 200
"""In a line of TOML: `tomllib` takes 14 s for a key of 30,000 parts."""
MOST_LINKED_BYTES = 2 << 30
REQUIRED = (PLUGIN, SUBMISSION, RESULTS, README)
ADDED = (ERRATA, VERIFICATIONS)
"""What may come later, and only grows."""
Record = TypeVar("Record", bound=Spec)


class Weight(Protocol):
    """A file of weights as plugin.py names it; ``url`` is empty for one that is in the folder."""

    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str: ...  # noqa: D102


class Manifest(Protocol):
    """What the metadata in plugin.py says, as far as the rules ask."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def task(self) -> str | None: ...  # noqa: D102
    @property
    def retrains(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def weights(self) -> Sequence[Weight]: ...  # noqa: D102


class Manifests(Protocol):
    """How metadata is read and versions compare; `suite.submission.manifest` is one."""

    def read(self, path: Path, /) -> Manifest:
        """Return the metadata in a plugin's file, which is never run. Raises a SuiteError."""

    def newer(self, one: str, other: str, /) -> bool:
        """Whether the version ``one`` is higher than ``other``."""


@dataclass(frozen=True)
class Version:
    """A folder whose four files can be read; ``where`` it lies below the repository, ``files`` without older/."""

    where: str
    folder: str
    files: Tree
    manifest: Manifest
    submission: Submission
    results: Results
    errata: Errata
    verifications: Verifications


def opened(root: Path, where: str, *, files: Tree, manifests: Manifests) -> Version | list[Problem]:
    """Return a version's folder with what it says, or everything that stands against reading it."""
    problems = [*problems_of_tree(where, files), *missing(where, files)]
    if problems:
        return problems
    found = (
        metadata(root / PLUGIN, where, manifests),
        record(root / SUBMISSION, where, Submission, "submission"),
        record(root / RESULTS, where, Results, "results"),
        record(root / ERRATA, where, Errata, "errata") if ERRATA in files else Errata(schema=SCHEMA, errata=()),
        record(root / VERIFICATIONS, where, Verifications, "verifications")
        if VERIFICATIONS in files
        else Verifications(schema=SCHEMA),
    )
    wrong = [each for each in found if isinstance(each, Problem)]
    if wrong:
        return wrong
    return Version(where, where.split("/")[1], files, *found)  # type: ignore[arg-type]


def problems_of_tree(where: str, files: Tree) -> Iterator[Problem]:
    """Yield what must not lie anywhere: unsafe names, links, executables, too much."""
    for path, file in files.items():
        if not is_safe(path):
            yield Problem(f"{where}/{path}", "name", "Rename it with letters, digits, '.', '_', '+' and '-'.")
        if file.kind != "file":
            yield Problem(f"{where}/{path}", "regular", "This is no regular file. Put the file itself here.")
        if file.executable:
            yield Problem(f"{where}/{path}", "executable", f"This is executable. Run: chmod -x {where}/{path}")
    total = sum(file.size for file in files.values())
    if total > MOST_BYTES:
        yield Problem(
            where, "size", f"{total:,} bytes are in git, but {MOST_BYTES:,} are allowed. Give large weights by 'url'."
        )


def missing(where: str, files: Tree) -> Iterator[Problem]:
    """Yield the files that every folder has and this one lacks."""
    for name in REQUIRED:
        if name not in files:
            yield Problem(f"{where}/{name}", "files", "This file is missing. Make the folder with: suite submit")


def unexpected(version: Version) -> Iterator[Problem]:
    """Yield the files that nothing names."""
    expected = {*REQUIRED, *ADDED, *(weight.file for weight in version.manifest.weights)}
    for path in version.files:
        if path not in expected:
            yield Problem(
                f"{version.where}/{path}", "files", "Nothing names this file. Remove it, or name it in plugin.py."
            )


def problems_of_weights(version: Version) -> Iterator[Problem]:
    """Yield where weights are not what the metadata says, or too many bytes to fetch."""
    for weight in version.manifest.weights:
        where, file = f"{version.where}/{weight.file}", version.files.get(weight.file)
        if weight.file.split("/")[0] in (*REQUIRED, *ADDED, OLDER):
            yield Problem(where, "weights", "Weights cannot have this name. Choose another in plugin.py.")
        elif file is None and not weight.url:
            yield Problem(where, "weights", "plugin.py names these weights without a 'url'. Add the file, or the link.")
        elif file and (file.size, file.sha256) != (weight.size, weight.sha256):
            yield Problem(where, "weights", "Size or SHA-256 differ from those in plugin.py. Correct them there.")
        elif weight.size > MOST_LINKED_BYTES:
            yield Problem(where, "weights", f"{weight.size:,} bytes, but {MOST_LINKED_BYTES:,} are allowed by link.")


def metadata(path: Path, where: str, manifests: Manifests) -> Manifest | Problem:
    """Return the metadata of plugin.py, or why it cannot be read."""
    try:
        return manifests.read(path)
    except SuiteError as error:
        reason = " ".join(str(error).replace(str(path), PLUGIN).split())
        return Problem(f"{where}/{PLUGIN}", "plugin", reason)


def record(path: Path, where: str, kind: type[Record], rule: str) -> Record | Problem:
    """Return the record in a TOML or JSON file, or why it cannot be read."""
    most = MOST_BYTES if path.name == RESULTS else MOST_TOML_BYTES
    try:
        data = read(path, most + 1)
        if len(data) > most:
            return Problem(f"{where}/{path.name}", rule, f"More than {most:,} bytes. Make it with: suite submit")
        found = decoded(data, kind, json=path.name == RESULTS)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        return Problem(f"{where}/{path.name}", rule, f"It cannot be read ({error}). Make it with: suite submit")
    if found.schema != SCHEMA:  # type: ignore[attr-defined]
        return Problem(f"{where}/{path.name}", rule, f"Expected schema = {SCHEMA}. Make it with this suite's submit.")
    return found


def decoded(data: bytes, kind: type[Record], *, json: bool) -> Record:
    """Return the record that JSON or TOML says. Raises ValueError, RecursionError or msgspec's errors."""
    if json:
        return msgspec.json.decode(data, type=kind, strict=True)
    if any(line.count(b".") > MOST_DOTS for line in data.splitlines()):
        raise ValueError(f"a line has more than {MOST_DOTS} dots")
    return msgspec.convert(tomllib.loads(data.decode("utf-8")), kind, strict=True)
