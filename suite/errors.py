"""Every error the suite raises on purpose. A message says what is wrong, where, and what to do next.

SuiteError
├── UsageError                 an option or argument that cannot be used
├── PluginError
│   ├── UnknownPlugin          no plugin of that kind has that name
│   ├── DuplicatePlugin        two sources claim one name
│   ├── InvalidPlugin          it cannot be imported, or is not what its kind asks for
│   │   └── InvalidManifest    the metadata in its file cannot be used
│   ├── CodecError             a codec cannot encode or decode this
│   ├── PredictionError        a model or mitigation returned something unusable
│   ├── WorkerError            the process that a plugin runs in died, hung or answered nonsense
│   ├── SandboxUnavailable     nothing here can keep a submitted plugin apart
│   └── UnbuildableEnvironment its requirements cannot be installed
├── ProtocolError
│   ├── UnknownProtocol
│   ├── InvalidProtocol        the file does not describe a protocol
│   ├── ChangedProtocol        a released protocol no longer has its digest
│   └── UnfinishedProtocol     a draft that cannot be released yet
├── DataError
│   ├── UnknownDataset
│   ├── MissingData            a package or directory that holds the images is not there
│   ├── CorruptImage           an image that is altered, truncated or of an unusable kind
│   └── ManifestMismatch       not the samples that the protocol pins
├── SubmissionError
│   ├── IncompleteSubmission   a plugin's results are not whole, so no folder is written
│   └── UnverifiedSubmission   predictions come out differently when they are made again
├── NothingToMeasure            this machine lacks something for every cell
├── WeightsError
│   ├── MissingWeights
│   └── AlteredWeights
└── StorageError
    ├── MissingDatabase
    ├── NewerDatabase          written by a newer suite
    ├── DatabaseBusy           another process holds the write lock
    ├── DatabaseReadOnly
    ├── StorageFull            no space left
    ├── DamagedOutcomes        stored per-sample outcomes do not have their digest
    └── DamagedSnapshot        a snapshot is not what was exported
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST_LISTED = 100
"""Problems in one message."""


class SuiteError(Exception):
    """Root of the tree; the command line shows its message and exits with status 1."""


class UsageError(SuiteError):
    """An option or argument that cannot be used."""


class PluginError(SuiteError):
    """Something is wrong with a plugin."""


class UnknownPlugin(PluginError):
    """No plugin of that kind has that name."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        hint = nearest(name, known) or f"Run 'suite plugins {kind}' for the list."
        super().__init__(f"No {kind} is named '{name}'. {hint}")


class DuplicatePlugin(PluginError):
    """Two sources claim one plugin name."""


class InvalidPlugin(PluginError):
    """A plugin cannot be imported, or is not what its kind asks for."""


class InvalidManifest(InvalidPlugin):
    """A contributor's file that cannot be used, with everything that is wrong with its metadata.

    ``problems``: each a line and what is wrong there; line 0 is the whole file.
    """

    def __init__(self, file: str, problems: Iterable[tuple[int, str]]) -> None:
        self.problems = tuple(sorted(problems))
        listed = [f"\n- {file}{f':{line}' if line else ''}: {text}" for line, text in self.problems[:MOST_LISTED]]
        more = f"\n- and {len(self.problems) - MOST_LISTED} more" if len(self.problems) > MOST_LISTED else ""
        super().__init__(f"{file} cannot be submitted:{''.join(listed)}{more}")


class CodecError(PluginError):
    """A codec cannot encode or decode what it was given."""


class PredictionError(PluginError):
    """A model or a mitigation returned something unusable."""


class UnbuildableEnvironment(PluginError):
    """The Python environment that a plugin asks for cannot be built."""


class WorkerError(PluginError):
    """The process that a plugin runs in died, took too long, or answered what cannot be read."""


class SandboxUnavailable(PluginError):
    """A submitted plugin is not run without a sandbox, and there is none."""


class ProtocolError(SuiteError):
    """Something is wrong with a protocol."""


class UnknownProtocol(ProtocolError):
    """No protocol has that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        hint = nearest(name, known) or "Run 'suite protocols' for the list."
        super().__init__(f"No protocol is named '{name}'. {hint}")


class InvalidProtocol(ProtocolError):
    """A file does not describe a protocol."""


class ChangedProtocol(ProtocolError):
    """A released protocol no longer has the digest it was released with."""


class UnfinishedProtocol(ProtocolError):
    """A draft that cannot be released yet, with everything that stands against it."""

    def __init__(self, label: str, reasons: Iterable[str]) -> None:
        super().__init__(f"{label} cannot be released yet:" + "".join(f"\n- {reason}" for reason in reasons))


class DataError(SuiteError):
    """Something is wrong with a dataset."""


class UnknownDataset(DataError):
    """No dataset plugin and no registered dataset has that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        hint = nearest(name, known) or "Run 'suite data' for the list."
        super().__init__(
            f"No dataset is named '{name}'. {hint} To register your own: "
            f"suite data add {name} --kind image-folder --root DIR"
        )


class MissingData(DataError):
    """A package or directory that holds the images is not there."""


class CorruptImage(DataError):
    """An image that is altered, truncated, or of a kind that cannot be used."""


class ManifestMismatch(DataError):
    """A dataset does not hold the samples that a protocol pins."""


class SubmissionError(SuiteError):
    """Something is wrong with a submission."""


class IncompleteSubmission(SubmissionError):
    """Some of a plugin's cells failed or cannot be measured here."""


class UnverifiedSubmission(SubmissionError):
    """Predictions are not what they were when they are made again."""


class NothingToMeasure(SuiteError):
    """What a protocol names is missing on this machine, and nothing is left that could be measured."""


class WeightsError(SuiteError):
    """Something is wrong with a file of weights."""


class MissingWeights(WeightsError):
    """A file of weights is not there."""


class AlteredWeights(WeightsError):
    """A file of weights does not have its digest."""


class StorageError(SuiteError):
    """Something is wrong with the database or the files beside it."""


class MissingDatabase(StorageError):
    """There is no database at that path."""


class NewerDatabase(StorageError):
    """A database was written by a newer suite."""


class DatabaseBusy(StorageError):
    """Another process holds the database's write lock."""


class DatabaseReadOnly(StorageError):
    """A database cannot be written to."""


class StorageFull(StorageError):
    """No space is left for results."""


class DamagedOutcomes(StorageError):
    """Stored per-sample outcomes do not have the digest that their result records."""


class DamagedSnapshot(StorageError):
    """A snapshot is not what was exported, or holds what the suite would never write."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "Did you mean 'x'?" for the known name most like ``name``, or an empty string."""
    near = get_close_matches(name[:200], list(known), n=1)
    return f"Did you mean '{near[0]}'?" if near else ""
