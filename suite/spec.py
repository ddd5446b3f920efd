"""Frozen pure data: what a protocol fixes, what is measured, what came out. No live object ever sits in here.

ProtocolSpec ─ plan ─▶ Condition ─▶ Cell ─ run ─▶ Result. Two measurements are comparable exactly when their protocol
digests match; a cell's digest covers everything that the suite controls and that may change its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import msgspec

from suite.api import Setting, Task
from suite.digest import digest_of

Value: TypeAlias = bool | int | float | str
Order: TypeAlias = Literal["compress-then-geometry", "geometry-then-compress"]
PluginKind: TypeAlias = Literal["codec", "dataset", "model", "mitigation"]
Status: TypeAlias = Literal["ok", "failed"]
Axis: TypeAlias = Literal["setting", "bpp-per-image", "bpp-per-dataset"]

ORIGINAL = "none"
"""The codec of the references: the uncompressed original. Also the name of the identity mitigation."""

BPP = "bpp"
"""What a target rate is called, in bits per pixel."""


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Shared configuration: immutable, keyword-only, strict about what a file may say.

    ``LATER``: fields that came after the first protocol was released, with their defaults. At these they stay out of
    digests, so that no digest ever recorded changes.
    """

    LATER: ClassVar[Mapping[str, Value | None]] = {}


class PluginName(Spec, frozen=True):
    """A plugin as a protocol names it."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class PluginRef(Spec, frozen=True):
    """A plugin as a measurement records it: the digest covers its source file, its weights and its ``build``.

    ``build`` names the library build that makes a codec's bits; empty for the other kinds.
    """

    LATER: ClassVar[Mapping[str, Value | None]] = {"build": ""}

    kind: PluginKind
    name: str
    version: str
    digest: str
    build: str = ""

    @property
    def key(self) -> str:
        """What tells it from every other plugin: those of one file share a digest."""
        return f"{self.digest} {self.name}"

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class CodecSpec(Spec, frozen=True):
    """A codec with every parameter it has, and the settings at which it is measured.

    ``axis`` says what ``values`` are: values of the codec's own ``parameter``, or target rates in bits per pixel that
    ``parameter`` is searched for, image by image or once for the whole split (see `suite.stages.rates`).
    ``variant`` tells two entries of one codec apart, such as ``"5-3"`` and ``"9-7"``.
    """

    LATER: ClassVar[Mapping[str, Value | None]] = {"variant": "", "axis": "setting"}

    name: str
    version: str
    parameter: str
    values: tuple[int | float | str, ...]
    parameters: dict[str, Value] = {}
    variant: str = ""
    axis: Axis = "setting"

    @property
    def label(self) -> str:
        """The codec's name with its variant."""
        return f"{self.name} {self.variant}".strip()

    def settings(self) -> tuple[Setting, ...]:
        """Return the settings, or the target rates, in the protocol's order."""
        parameter = self.parameter if self.axis == "setting" else BPP
        return tuple(Setting(parameter, value) for value in self.values)


class OpenCodecs(Spec, frozen=True):
    """How a protocol measures codecs that it does not name: at target rates of ``values`` bits per pixel.

    ``axis`` says over what a rate is, as that of `CodecSpec` does; a codec's own settings are searched for it. Such a
    codec is measured under the track's baselines, without a mitigation, beside codecs that the protocol names. It has
    no part in the protocol's ranking, which is that of what the protocol names.
    """

    axis: Axis
    values: tuple[float, ...]

    def spec_of(self, name: str, version: str, parameter: str) -> CodecSpec:
        """Return what is asked of a codec whose ``parameter`` is searched."""
        return CodecSpec(name=name, version=version, parameter=parameter, values=self.values, axis=self.axis)


class TrackSpec(Spec, frozen=True):
    """One task on one dataset, with its metrics and reference baselines.

    ``manifest`` pins the samples (digest of ids, byte digests and truths); empty where any will do, or where nobody
    could say it yet: then ``listing`` (digest of ids and truths) may pin all but the files' bytes.
    """

    LATER: ClassVar[Mapping[str, Value | None]] = {"listing": ""}

    task: Task
    dataset: PluginName
    split: str
    manifest: str
    samples: int
    classes: int
    metrics: tuple[str, ...]
    baselines: tuple[PluginName, ...]
    mitigations: tuple[PluginName, ...]
    listing: str = ""


class ProtocolSpec(Spec, frozen=True):
    """Everything that may change a number. ``metrics[0]`` of a track is the one that its ranking uses.

    ``batch`` is ``"free"``: batch size and memory layout are the host's choice, recorded with each result.
    ``open_codecs``: how codecs that it does not name may be measured beside its own; None: not at all.
    """

    LATER: ClassVar[Mapping[str, Value | None]] = {"open_codecs": None}

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
    open_codecs: OpenCodecs | None = None

    @property
    def label(self) -> str:
        """``name@version``, as papers cite it together with `digest`."""
        return f"{self.name}@{self.version}"

    @property
    def digest(self) -> str:
        """The content digest; the layout and comments of the file do not count."""
        return digest_of("protocol/1", content(self))


class Condition(Spec, frozen=True):
    """Dataset, codec and setting under one protocol: all its cells share the encode and decode work.

    ``geometry`` names the model whose geometry comes before the codec (order geometry-then-compress), else None.
    ``limit`` is the number of leading samples of a trial, None for all.
    Under an ``axis`` of target rates ``parameter`` is ``"bpp"``, and ``searched`` the codec's own.
    """

    LATER: ClassVar[Mapping[str, Value | None]] = {"variant": "", "axis": "setting", "searched": ""}

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
    variant: str = ""
    axis: Axis = "setting"
    searched: str = ""

    @property
    def digest(self) -> str:
        """The content digest."""
        return digest_of("condition/1", content(self))

    @property
    def setting(self) -> Setting:
        """What the codec is asked for, or the rate that its settings are to meet."""
        return Setting(self.parameter, self.value)

    @property
    def label(self) -> str:
        """The codec's name with its variant."""
        return f"{self.codec.name} {self.variant}".strip()

    @property
    def is_reference(self) -> bool:
        """Whether this is the uncompressed original."""
        return self.codec.name == ORIGINAL

    @property
    def count(self) -> int:
        """The number of samples measured."""
        return self.samples if self.limit is None else self.limit

    def __str__(self) -> str:
        return "original" if self.is_reference else f"{self.label} {self.setting}"


class Cell(Spec, frozen=True):
    """One measurement: a condition, a model and a mitigation."""

    condition: Condition
    model: PluginRef
    mitigation: PluginRef

    @property
    def digest(self) -> str:
        """The content digest; equal digests on one environment mean the same measurement."""
        return digest_of("cell/1", [self.condition.digest, content(self.model), content(self.mitigation)])

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
    """How a host runs: measured there, recorded with each result, never part of a result's identity.

    ``isolation``: of each plugin that ran in a process of its own, what kept it apart.
    """

    device: str
    workers: int
    threads_per_worker: int
    block: int
    batch: dict[str, int]
    layout: dict[str, str]
    isolation: dict[str, str] = {}


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


def content(value: Any) -> Any:
    """Return what the digest of a spec covers, as builtins: everything but later fields at their defaults."""
    if isinstance(value, Spec):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: content(found) for name, found in fields.items() if value.LATER.get(name, ...) != found}
    if isinstance(value, tuple):
        return [content(item) for item in value]
    return msgspec.to_builtins(value)


def to_json(value: Any) -> str:
    """Return the JSON of a spec."""
    return msgspec.json.encode(value).decode()
