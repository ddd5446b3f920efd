"""A user's own datasets: registered once with a manifest of their samples, then named like any other.

`$SUITE_HOME/datasets/NAME.json` says what a dataset is; ``NAME.csv`` beside it is the manifest (id, sha256, truth),
made by reading every file once. A protocol that pins a manifest refuses any other.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from suite import registry
from suite.api import Dataset, Sample
from suite.digest import digest_of
from suite.errors import DataError, ManifestMismatch, UnknownDataset, UsageError
from suite.home import home, write_atomically
from suite.progress import Progress
from suite.registry import Loaded
from suite.spec import Spec, TrackSpec

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Registered(Spec, frozen=True):
    """A registered dataset: its plugin, the plugin's parameters, and what its manifest holds."""

    name: str
    kind: str
    parameters: dict[str, str]
    samples: int
    classes: int
    manifest: str
    registered_at: str


def directory() -> Path:
    """Return where registered datasets are kept."""
    return home() / "datasets"


def registered() -> dict[str, Registered]:
    """Return the registered datasets by name. Raises DataError for a file that cannot be understood."""
    return {path.stem: described(path) for path in sorted(directory().glob("*.json"))}


def described(path: Path) -> Registered:
    """Return what a registration file says. Raises DataError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Registered)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"{path} is damaged ({error}). Register it again: suite data add {path.stem} …") from error


def add(name: str, kind: str, parameters: dict[str, str], progress: Progress) -> Registered:
    """Read every file of a dataset, and register it with its manifest. Raises UsageError or DataError."""
    if not NAME.fullmatch(name):
        raise UsageError(f"'{name[:80]}' is no name for a dataset: use lower-case letters, digits, '.', '_' and '-'.")
    if name in registry.names("dataset"):
        raise UsageError(f"'{name}' is the name of a built-in dataset. Choose another.")
    dataset: Dataset = registry.load("dataset", kind, **parameters).plugin
    samples = scanned(dataset, progress)
    entry = Registered(
        name=name,
        kind=kind,
        parameters=parameters,
        samples=len(samples),
        classes=len(dataset.classes),
        manifest=manifest_digest(samples),
        registered_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_atomically(directory() / f"{name}.csv", manifest_text(samples))
    write_atomically(directory() / f"{name}.json", msgspec.json.encode(entry).decode())
    return entry


def scanned(dataset: Dataset, progress: Progress) -> list[Sample]:
    """Return a dataset's samples, with progress where its plugin can list them one by one."""
    samples = []
    progress.start("hashing images", None)
    for sample in dataset.scan() if hasattr(dataset, "scan") else dataset.samples():
        samples.append(sample)
        progress.advance(1)
    return samples


def remove(name: str) -> Registered:
    """Forget a registered dataset; its images stay. Raises UnknownDataset."""
    entry = find(name)
    for suffix in (".json", ".csv"):
        (directory() / f"{name}{suffix}").unlink(missing_ok=True)
    return entry


def find(name: str) -> Registered:
    """Return a registered dataset. Raises UnknownDataset."""
    known = registered()
    if name not in known:
        raise UnknownDataset(name[:80], [*known, *registry.names("dataset")])
    return known[name]


def open_registered(name: str) -> Loaded:
    """Return a registered dataset's live plugin, its samples as its manifest has them."""
    entry = find(name)
    path = directory() / f"{name}.csv"
    return registry.load("dataset", entry.kind, **entry.parameters, manifest=read_manifest(path, entry))


def open_for(track: TrackSpec, stand_in: str | None) -> Loaded:
    """Return a track's dataset, or the registered one that stands in for it. Raises UnknownDataset."""
    name = stand_in or track.dataset.name
    if name in registry.names("dataset") and name not in registered():
        return registry.load("dataset", name, split=track.split)
    return open_registered(name)


def check_manifest(track: TrackSpec, dataset: Dataset, samples: Sequence[Sample]) -> str:
    """Return the manifest's digest. Raises ManifestMismatch unless it is what the protocol pins, if anything."""
    if len(dataset.classes) != track.classes:
        raise ManifestMismatch(
            f"The protocol's {track.dataset} has {track.classes} classes, but this dataset has {len(dataset.classes)}. "
            "For a part of ImageNet, register it with --classes FILE, one class a line in the order of the network."
        )
    found = manifest_digest(samples)
    if track.manifest and found != track.manifest:
        raise ManifestMismatch(
            f"The protocol pins {track.samples} samples of {track.dataset} ({track.split}) with manifest "
            f"{track.manifest}, but this dataset has {len(samples)} with {found}. Register the very files that the "
            "protocol names, or use a draft that pins none."
        )
    if track.listing and listing_digest(samples) != track.listing:
        raise ManifestMismatch(
            f"The protocol pins the names and classes of the {track.samples:,} samples of {track.dataset} "
            f"({track.split}), but this dataset's {len(samples):,} are others. Register the whole split, in its own "
            "directories, under their own names."
        )
    return found


def listing_digest(samples: Iterable[Sample]) -> str:
    """Return the digest of the ids and truths, in order: what can be pinned without having the files."""
    return digest_of("listing/1", [[sample.id, sample.truth] for sample in samples])


def manifest_digest(samples: Iterable[Sample]) -> str:
    """Return the digest of the ids, byte digests and truths, in order."""
    return digest_of("manifest/1", [list(sample) for sample in samples])


def manifest_text(samples: Iterable[Sample]) -> str:
    """Return a manifest as CSV."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(Sample._fields)
    rows.writerows(samples)
    return text.getvalue()


def read_manifest(path: Path, entry: Registered) -> tuple[Sample, ...]:
    """Return the samples in a manifest file. Raises DataError unless it has the digest that was registered."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            samples = tuple(Sample(row["id"], row["sha256"], int(row["truth"])) for row in csv.DictReader(file))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"The manifest {path} cannot be read ({error}). Register '{entry.name}' again.") from error
    if manifest_digest(samples) != entry.manifest:
        raise DataError(f"The manifest {path} was changed after registration. Register '{entry.name}' again.")
    return samples
