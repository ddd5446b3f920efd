"""How a draft becomes a released protocol: its digest and golden values are written down, and the changelog says so.

Either all of its files are written or none; `released.toml` comes last, and only with it is a protocol released.
"""

from __future__ import annotations

import os
import tempfile
import textwrap
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from suite import conformance, environment, protocols
from suite.errors import ChangedProtocol, StorageError, UnfinishedProtocol, UsageError
from suite.readiness import Golden, readiness_of
from suite.spec import ProtocolSpec

CHANGELOG = "CHANGELOG.md"
CHANGELOG_WIDTH = 120
NEW_CHANGELOG = "# Changelog\n\n## Unreleased\n"
NEW_LIST = "# name@version = digest, written when a protocol is released; a released file never changes.\n"


class Place(NamedTuple):
    """Where released protocols are written down."""

    directory: Path
    changelog: Path

    @property
    def released(self) -> dict[str, str]:
        """Return ``name@version`` -> digest of what is released there, and of what this package releases."""
        path = self.directory / protocols.RELEASED
        return protocols.released_digests() | (protocols.toml_table(path) if path.is_file() else {})


class Release(NamedTuple):
    """A draft that nothing stands against, and the files that release it, in the order in which they are written."""

    label: str
    digest: str
    files: Mapping[Path, bytes]
    notes: tuple[str, ...]


def place_of(into: Path | None) -> Place:
    """Return ``into``, or else the protocols of the checkout that is installed. Raises UsageError."""
    if into is not None and not into.is_dir():
        raise UsageError(f"There is no directory {into}. Make it first, or leave --into out.")
    directory = protocols.DIRECTORY if into is None else into
    changelog = (environment.ROOT if into is None else into) / CHANGELOG
    if into is None and not changelog.is_file():
        raise UsageError(
            f"{directory} is of an installed package, not of a checkout. Clone the repository, install it with "
            "'pip install -e .' and freeze there; or name a directory: --into DIR"
        )
    if not os.access(directory, os.W_OK):
        raise UsageError(f"{directory} cannot be written to. Freeze in a checkout of your own, or name one: --into DIR")
    return Place(directory, changelog)


def prepare(name: str, place: Place, without: Collection[str] = ()) -> Release:
    """Return what releases the draft of that name or file.

    Raises ChangedProtocol for what is released already, UnfinishedProtocol with everything that stands against it.
    """
    source = protocols.file_of(name)
    spec = protocols.parse(source)
    if spec.label in place.released:
        raise ChangedProtocol(
            f"{spec.label} is released already, with digest {place.released[spec.label]}, and never changes. "
            f"Make a version {spec.version + 1} and say in 'changes' what changed."
        )
    ready = readiness_of(spec, earlier_versions(spec, place), without)
    reasons = [*against_target(spec, place), *ready.reasons]
    if reasons:
        raise UnfinishedProtocol(spec.label, reasons)
    return Release(spec.label, spec.digest, files_of(spec, source, place, ready.golden), (*ready.notes, *uncommitted()))


def earlier_versions(spec: ProtocolSpec, place: Place) -> dict[int, ProtocolSpec]:
    """Return the released versions of a protocol's name."""
    labels = [label for label in place.released if label.partition("@")[0] == spec.name]
    return {earlier.version: earlier for earlier in (protocols.parse(released_file(label, place)) for label in labels)}


def released_file(label: str, place: Place) -> Path:
    """Return the file of a released protocol: this package's, or else that at the place."""
    own = protocols.DIRECTORY / f"{label}.toml"
    return own if own.is_file() else place.directory / own.name


def against_target(spec: ProtocolSpec, place: Place) -> list[str]:
    """Return whether the file to be written is there already, as another draft."""
    target = place.directory / f"{spec.label}.toml"
    if not target.is_file() or protocols.parse(target).digest == spec.digest:
        return []
    return [f"{target} is another draft of that name: freeze that one, or remove it first"]


def files_of(spec: ProtocolSpec, source: Path, place: Place, golden: Golden) -> dict[Path, bytes]:
    """Return path -> content of every file that a release writes."""
    directory, values = place.directory, place.directory / "golden"
    digests = directory / protocols.RELEASED
    listed = digests.read_text(encoding="utf-8") if digests.is_file() else NEW_LIST
    changes = place.changelog.read_text(encoding="utf-8") if place.changelog.is_file() else NEW_CHANGELOG
    return {
        directory / f"{spec.label}.toml": source.read_bytes(),
        **{values / spec.label / name: content for name, content in references_of(spec).items()},
        values / f"{spec.label}.toml": conformance.as_toml(golden).encode(),
        place.changelog: with_change(changes, spec).encode(),
        digests: f'{listed.rstrip()}\n"{spec.label}" = "{spec.digest}"\n'.encode(),
    }


def references_of(spec: ProtocolSpec) -> dict[str, bytes]:
    """Return file name -> content of what the codecs with a tolerance decode here."""
    with tempfile.TemporaryDirectory() as scratch:
        return {path.name: path.read_bytes() for path in conformance.write_references(spec, Path(scratch))}


def with_change(changelog: str, spec: ProtocolSpec) -> str:
    """Return a changelog with a line on a release, at the end of its newest section; as it is where it has one."""
    head = f"- Protocol `{spec.label}` (released): "
    if head in changelog:
        return changelog
    line = textwrap.fill(
        f"{head}{spec.title.strip()}. {' '.join(spec.changes.split())} Digest `{spec.digest}`.",
        width=CHANGELOG_WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = changelog.rstrip("\n").split("\n")
    sections = [index for index, text in enumerate(lines) if text.startswith("## ")]
    end = sections[1] if len(sections) > 1 else len(lines)
    last = max((index for index in range(end) if lines[index].strip()), default=-1)
    gap = [""] if sections and last == sections[0] else []
    return "\n".join([*lines[: last + 1], *gap, line, *lines[last + 1 :]]) + "\n"


def uncommitted() -> tuple[str, ...]:
    """Return a note where the code that made the golden values is not what git has."""
    if environment.checkout(environment.ROOT).get("dirty") != "yes":
        return ()
    return ("the checkout has changes that are not committed: commit them with the release",)


def write(release: Release) -> None:
    """Write the files of a release, all or none. Raises StorageError."""
    before = {path: path.read_bytes() if path.is_file() else None for path in release.files}
    try:
        for path, content in release.files.items():
            replace(path, content)
    except BaseException as error:
        for path, old in before.items():
            restore(path, old)
        if isinstance(error, OSError):
            raise StorageError(f"{release.label} was not released: {error}. Nothing was changed.") from error
        raise
    protocols.released_digests.cache_clear()


def replace(path: Path, content: bytes) -> None:
    """Write a whole file, or leave the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def restore(path: Path, content: bytes | None) -> None:
    """Give a file the content that it had, or remove it where there was none."""
    if content is None:
        path.unlink(missing_ok=True)
    elif path.read_bytes() != content:
        replace(path, content)
