"""What `queries` returns: frozen records, never rows. `Throughput` is also what `store` is given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from suite.api import Card, Setting, Task
from suite.spec import ORIGINAL, Condition, Environment, Measure, PluginRef, ProtocolSpec, Result, Value
from suite.verification import Verification

Work: TypeAlias = Literal["inference", "training", "codec"]
"""What was timed; of an entry inference or training steps."""

Verdict: TypeAlias = Literal["valid", "unverified", "invalid", "failed"]
"""Whether a timing counts. A codec's is valid where images came back in the size that they had, that of training where
its losses are finite and the model answers as before."""


class Age(NamedTuple):
    """What orders by time: an import gives older results higher numbers, and of one moment the higher is newer."""

    created_at: datetime
    number: int


@dataclass(frozen=True, kw_only=True)
class StoredProtocol:
    """A protocol that results were recorded under, and how many. ``digest`` is the one it was recorded with."""

    digest: str
    spec: ProtocolSpec
    first_seen: datetime
    results: int

    @property
    def label(self) -> str:
        """``name@version``."""
        return self.spec.label


@dataclass(frozen=True, kw_only=True)
class StoredPlugin:
    """A plugin that took part in a result."""

    ref: PluginRef
    card: Card | None


@dataclass(frozen=True, kw_only=True)
class Erratum:
    """Why a result no longer counts, and who says so."""

    id: int
    author: str
    reason: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Run:
    """One start of the suite: the command that repeats it."""

    id: int
    started_at: datetime
    command: tuple[str, ...]
    suite_version: str


@dataclass(frozen=True, kw_only=True)
class StoredResult:
    """A result as it was recorded. ``protocol`` is a label (name@version), ``environment`` a digest."""

    id: int
    created_at: datetime
    protocol: str
    environment: str
    run: int
    result: Result
    errata: tuple[Erratum, ...]

    @property
    def age(self) -> Age:
        """What orders by time."""
        return Age(self.created_at, self.id)

    @property
    def counts(self) -> bool:
        """Whether it has numbers that nobody withdrew."""
        return self.result.status == "ok" and not self.errata

    def measure(self, name: str) -> Measure | None:
        """Return the metric of that name, if it was measured."""
        return next((measure for measure in self.result.measures if measure.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What two entries measured under one condition: on one machine, on the same samples in the same order.

    ``metric`` is the one that their ranking uses.
    """

    first: StoredResult
    second: StoredResult
    metric: str

    @property
    def condition(self) -> Condition:
        """The first's condition; the second's has another ``geometry`` where that comes before the codec."""
        return self.first.result.cell.condition


@dataclass(frozen=True, kw_only=True)
class StoredVerification:
    """A verification as it was recorded."""

    id: int
    created_at: datetime
    verification: Verification

    @property
    def age(self) -> Age:
        """What orders by time."""
        return Age(self.created_at, self.id)


@dataclass(frozen=True, kw_only=True)
class ResultDetails:
    """A result with where and how it was measured, every plugin that took part, and who verified any of these.

    ``verifications`` are those under its protocol, the newest first.
    """

    stored: StoredResult
    environment: Environment
    run: Run
    plugins: tuple[StoredPlugin, ...]
    verifications: tuple[StoredVerification, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Drop:
    """What one condition costs an entry: ``drop`` = reference - measured, a fraction (None without a reference).

    ``codec`` is the codec's name with its variant.
    """

    result_id: int
    codec: str
    parameters: dict[str, Value]
    parameter: str
    value: int | float | str
    bits_per_pixel: float | None
    psnr_db: float | None
    ssim: float | None
    measure: Measure
    drop: float | None


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: a model with a mitigation on one machine, over all the protocol's conditions.

    ``rank`` is None where ``why_unranked`` says why. ``mean_drop`` is a fraction, None unless every condition counts.
    ``result_id`` and ``created_at`` are those of its newest result, ``reference_id`` is the number of the original's.
    ``samples`` are those that were measured, ``manifest`` pins all that the track has; ``limit``: a trial on so many.
    """

    rank: int | None
    why_unranked: str
    task: Task
    dataset: PluginRef
    split: str
    manifest: str
    model: PluginRef
    mitigation: PluginRef
    environment: str
    samples: int
    limit: int | None
    metric: str
    reference: Measure | None
    reference_id: int | None
    mean_drop: float | None
    created_at: datetime
    result_id: int

    @property
    def age(self) -> Age:
        """What orders by time."""
        return Age(self.created_at, self.result_id)


class RankingRow(EntryRow, frozen=True, kw_only=True):
    """An entry of a ranking with what each condition costs it, in the protocol's order."""

    drops: tuple[Drop, ...]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The entries of one protocol: ``ranked`` best first (track by track), ``unranked`` each with its reason."""

    ranked: tuple[RankingRow, ...] = ()
    unranked: tuple[RankingRow, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[RankingRow]) -> Ranking:
        """Return rows that are in order, parted by whether they have a rank."""
        rows = tuple(rows)
        return cls(
            ranked=tuple(row for row in rows if row.rank is not None),
            unranked=tuple(row for row in rows if row.rank is None),
        )


@dataclass(frozen=True, kw_only=True)
class Entries:
    """The entries of one protocol as columns: ``rows[i]`` has ``numbers[name][i, j]`` under ``conditions[j]``.

    ``rows`` are in a ranking's order, those without a rank last. ``numbers``: "value", "low", "high" of the ranking's
    metric, "bits_per_pixel", "psnr_db", "ssim" as float64 (NaN: none, or it does not count), and "results", the
    results' numbers as int64 (0: none); each of shape (entries, conditions). The drop is the row's reference - value.
    """

    conditions: tuple[CodecSetting, ...]
    rows: tuple[EntryRow, ...]
    numbers: Mapping[str, NDArray[Any]]

    @cached_property
    def drops(self) -> NDArray[np.float64]:
        """What each condition costs each entry, a fraction; shape (entries, conditions), NaN: none."""
        references = [row.reference.value if row.reference else math.nan for row in self.rows]
        found: NDArray[np.float64] = np.array(references, np.float64)[:, None] - self.numbers["value"]
        return found

    def row(self, place: int) -> RankingRow:
        """Return the entry at a place with its conditions."""
        drops = (self._drop(place, int(column)) for column in np.flatnonzero(self.numbers["results"][place]))
        return RankingRow(**msgspec.structs.asdict(self.rows[place]), drops=tuple(drops))

    def _drop(self, place: int, column: int) -> Drop:
        on, row = self.conditions[column], self.rows[place]
        found = {name: number(self.numbers[name][place, column]) for name in self.numbers if name != "results"}
        value = float(self.numbers["value"][place, column])
        return Drop(
            result_id=int(self.numbers["results"][place, column]),
            codec=on.codec,
            parameters=dict(on.parameters),
            parameter=on.setting.parameter,
            value=on.setting.value,
            bits_per_pixel=found["bits_per_pixel"],
            psnr_db=found["psnr_db"],
            ssim=found["ssim"],
            measure=Measure(name=row.metric, value=value, low=found["low"], high=found["high"]),
            drop=None if row.reference is None else row.reference.value - value,
        )


def number(stored: float) -> float | None:
    """Return a number of an array, None for NaN."""
    return None if math.isnan(stored) else float(stored)


class CodecSetting(NamedTuple):
    """A compressed condition as a protocol states it; ``codec`` is the codec's name with its variant."""

    codec: str
    parameters: Mapping[str, Value]
    setting: Setting

    def __str__(self) -> str:
        return f"{self.codec} {self.setting.parameter} {self.setting.value}"


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """How fast an entry, or a codec alone, is on one host; whatever is timed later fits as other ``work`` and measures.

    ``condition`` is the originals for an entry, and for a codec (``model`` and ``mitigation`` None) its setting.
    ``reference`` is the model that was timed before and after it; ``steady`` whether that kept its pace, None without.
    ``settings`` are how it was timed: device, threads, precision, duration, repeats.
    """

    work: Work
    condition: Condition
    model: PluginRef | None = None
    mitigation: PluginRef | None = None
    reference: PluginRef | None = None
    status: Verdict
    reason: str = ""
    steady: bool | None = None
    settings: dict[str, Value]
    measures: tuple[Measure, ...] = ()

    def __str__(self) -> str:
        if self.model is None:
            return str(self.condition)
        if self.mitigation is None or self.mitigation.name == ORIGINAL:
            return self.model.name
        return f"{self.model.name} + {self.mitigation.name}"

    def measure(self, name: str) -> Measure | None:
        """Return the measure of that name, if it was taken."""
        return next((measure for measure in self.measures if measure.name == name), None)


@dataclass(frozen=True, kw_only=True)
class StoredThroughput:
    """A timing as it was recorded. ``protocol`` is a label (name@version), ``environment`` a digest."""

    id: int
    created_at: datetime
    protocol: str
    environment: str
    run: int
    throughput: Throughput

    @property
    def age(self) -> Age:
        """What orders by time."""
        return Age(self.created_at, self.id)
