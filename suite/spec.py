"""Frozen pure data: what a protocol fixes, what is measured, what came out. No live object ever sits in here.

ProtocolSpec ─ plan ─▶ Condition ─▶ Cell ─ run ─▶ Result. Two measurements are comparable exactly when their protocol
digests match; a cell's digest covers everything that the suite controls and that may change its numbers.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from suite.api import Setting, Task
from suite.digest import digest_of

Value: TypeAlias = bool | int | float | str
Order: TypeAlias = Literal["compress-then-geometry", "geometry-then-compress"]
PluginKind: TypeAlias = Literal["codec", "dataset", "model", "mitigation"]
Status: TypeAlias = Literal["ok", "failed"]

ORIGINAL = "none"
"""The codec of the references: the uncompressed original. Also the name of the identity mitigation."""


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Shared configuration: immutable, keyword-only, strict about what a file may say."""


class PluginName(Spec, frozen=True):
    """A plugin as a protocol names it."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class PluginRef(Spec, frozen=True):
    """A plugin as a measurement records it: the digest covers its source file and its weights."""

    kind: PluginKind
    name: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class CodecSpec(Spec, frozen=True):
    """A codec with every parameter it has, and the settings at which it is measured."""

    name: str
    version: str
    parameter: str
    values: tuple[int | float | str, ...]
    parameters: dict[str, Value] = {}

    def settings(self) -> tuple[Setting, ...]:
        """Return the settings in the protocol's order."""
        return tuple(Setting(self.parameter, value) for value in self.values)


class TrackSpec(Spec, frozen=True):
    """One task on one dataset, with its metrics and reference baselines.

    ``manifest`` pins the samples (digest of ids, byte digests and truths); empty in drafts that run on any.
    """

    task: Task
    dataset: PluginName
    split: str
    manifest: str
    samples: int
    classes: int
    metrics: tuple[str, ...]
    baselines: tuple[PluginName, ...]
    mitigations: tuple[PluginName, ...]


class ProtocolSpec(Spec, frozen=True):
    """Everything that may change a number. ``metrics[0]`` of a track is the one that its ranking uses.

    ``batch`` is ``"free"``: batch size and memory layout are the host's choice, recorded with each result.
    """

    name: str
    version: int
    title: str
    summary: str
    changes: str
    order: Order
    precision: Literal["float32"]
    tf32: bool
    batch: Literal["free"]
    frame_metrics: tuple[str, ...]
    codecs: tuple[CodecSpec, ...]
    tracks: tuple[TrackSpec, ...]

    @property
    def label(self) -> str:
        """``name@version``, as papers cite it together with `digest`."""
        return f"{self.name}@{self.version}"

    @property
    def digest(self) -> str:
        """The content digest; the layout and comments of the file do not count."""
        return digest_of("protocol/1", msgspec.to_builtins(self))


class Condition(Spec, frozen=True):
    """Dataset, codec and setting under one protocol: all its cells share the encode and decode work.

    ``geometry`` names the model whose geometry comes before the codec (order geometry-then-compress), else None.
    ``limit`` is the number of leading samples of a trial, None for all.
    """

    protocol: str
    task: Task
    dataset: PluginRef
    split: str
    manifest: str
    samples: int
    codec: PluginRef
    parameters: dict[str, Value]
    parameter: str
    value: int | float | str
    order: Order
    geometry: PluginRef | None = None
    limit: int | None = None

    @property
    def digest(self) -> str:
        """The content digest."""
        return digest_of("condition/1", msgspec.to_builtins(self))

    @property
    def setting(self) -> Setting:
        """What the codec is asked for."""
        return Setting(self.parameter, self.value)

    @property
    def is_reference(self) -> bool:
        """Whether this is the uncompressed original."""
        return self.codec.name == ORIGINAL

    @property
    def count(self) -> int:
        """The number of samples measured."""
        return self.samples if self.limit is None else self.limit

    def __str__(self) -> str:
        return "original" if self.is_reference else f"{self.codec.name} {self.setting}"


class Cell(Spec, frozen=True):
    """One measurement: a condition, a model and a mitigation."""

    condition: Condition
    model: PluginRef
    mitigation: PluginRef

    @property
    def digest(self) -> str:
        """The content digest; equal digests on one environment mean the same measurement."""
        return digest_of("cell/1", [self.condition.digest, *map(msgspec.to_builtins, (self.model, self.mitigation))])

    def __str__(self) -> str:
        mitigated = "" if self.mitigation.name == ORIGINAL else f" + {self.mitigation.name}"
        return f"{self.model.name}{mitigated} on {self.condition}"


class Measure(Spec, frozen=True):
    """A metric's value, with its 95 % interval where one is known. Fractions are in [0, 1]."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


class Tuning(Spec, frozen=True):
    """How a host runs: measured there, recorded with each result, never part of a result's identity."""

    device: str
    workers: int
    threads_per_worker: int
    block: int
    batch: dict[str, int]
    layout: dict[str, str]


class Environment(Spec, frozen=True):
    """Where a measurement ran. ``identity`` is what may change a number; ``details`` is everything else of use."""

    identity: dict[str, str]
    details: dict[str, str]

    @property
    def digest(self) -> str:
        """The content digest of ``identity``."""
        return digest_of("environment/1", self.identity)


class Result(Spec, frozen=True):
    """What a cell measured, or why it failed. The drop is not stored: queries take it from the reference's result.

    ``outcomes`` and ``frames`` are digests of the per-sample tables that are kept beside the database.
    """

    cell: Cell
    status: Status
    conformant: bool
    tuning: Tuning
    reason: str = ""
    measures: tuple[Measure, ...] = ()
    outcomes: str = ""
    frames: str = ""


def to_json(value: Any) -> str:
    """Return the JSON of a spec."""
    return msgspec.json.encode(value).decode()
