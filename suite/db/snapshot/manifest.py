"""A snapshot's manifest: what is in the folder, digest by digest, and the one digest that a paper cites."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import msgspec

from suite.digest import digest_of
from suite.errors import DamagedSnapshot, NewerDatabase, UsageError
from suite.spec import Spec

FORMAT = 1
"""Of the folder; raise it when an older suite could not read it any more."""

MANIFEST = "manifest.json"
DATABASE = "suite.db"
FILES = {"sqlite": DATABASE, "parquet": "results.parquet", "json": "results.json"}
"""The formats of a snapshot and their files."""

OUTCOMES = re.compile(r"suite\.outcomes/([0-9a-f]{2})/(\1[0-9a-f]{62})\.parquet")
"""The file of a per-sample table, as `suite.db.outcomes` names it."""


class ListedFile(Spec, frozen=True):
    """A file of a snapshot."""

    size_bytes: int
    sha256: str


class ListedProtocol(Spec, frozen=True):
    """A protocol with results in a snapshot, as papers cite it."""

    protocol: str
    digest: str


class Manifest(Spec, frozen=True):
    """What a snapshot is. ``digest`` names everything that was measured, the same for the same rows in any database.

    ``counts`` are rows by table, ``files`` go by their paths in the folder. ``seal`` is the digest of all the rest:
    it finds an accident, not a forger, who could make another; against that cite ``digest``.
    """

    format: int
    suite_version: str
    created_at: datetime
    schema_revision: str
    digest: str
    protocols: tuple[ListedProtocol, ...]
    counts: dict[str, int]
    files: dict[str, ListedFile]
    seal: str = ""


class Format(msgspec.Struct):
    """The one field of a manifest that every suite can read."""

    format: int


def sealed(manifest: Manifest) -> Manifest:
    """Return the manifest with its seal."""
    said = msgspec.to_builtins(msgspec.structs.replace(manifest, seal=""))
    return msgspec.structs.replace(manifest, seal=digest_of("manifest/1", said))


def snapshot_digest(folder: Path) -> str:
    """Return the digest under which a snapshot is cited, ``sha256:…``, read from its manifest alone.

    It is that of the results, not of the files: exporting the same rows again gives it again. Whether the other files
    agree is for `verify` to say. Raises UsageError where there is no snapshot, DamagedSnapshot or NewerDatabase.
    """
    return read_manifest(folder).digest


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in ``folder``, as it was sealed. Raises UsageError, DamagedSnapshot or NewerDatabase."""
    path = folder / MANIFEST
    if not path.is_file() or path.is_symlink():
        raise UsageError(
            f"{folder} is no snapshot: it holds no {MANIFEST}. Name a folder that 'suite export' made; the papers' "
            "numbers come with: suite import published"
        )
    try:
        data = path.read_bytes()
        found = msgspec.json.decode(data, type=Format).format
        if found > FORMAT:
            raise newer(folder, f"format {found}, and this suite reads up to {FORMAT}")
        manifest = msgspec.json.decode(data, type=Manifest)
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise damaged(path, f"cannot be understood ({' '.join(str(error).split())[:200]})") from error
    if sealed(manifest) != manifest:
        raise damaged(path, "was altered: its seal is that of another manifest")
    return manifest


def damaged(place: Path, what: str) -> DamagedSnapshot:
    """Return the error for a snapshot that is not what was exported."""
    return DamagedSnapshot(
        f"{place} {what}. Get the snapshot again from where it comes, or export it again; nothing was changed here."
    )


def newer(folder: Path, what: str) -> NewerDatabase:
    """Return the error for a snapshot that a newer suite wrote."""
    return NewerDatabase(
        f"{folder} has {what}. Upgrade the suite: pip install --upgrade compression-suite; nothing was changed here."
    )
