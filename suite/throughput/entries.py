"""The entries of one track, each timed between two timings of the reference model on the same host.

An entry that fails becomes a failed row with its reason; without a working reference rows are compared with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, TypeVar

import msgspec

from suite import registry
from suite.api import Retraining, Sample
from suite.db.records import Throughput, Work
from suite.lineup import LiveTrack
from suite.pipeline import Failure, attempt
from suite.players import Player, key_of, once, player
from suite.spec import ORIGINAL, Cell, Measure, PluginRef, Value
from suite.stages.codec_stage import Original
from suite.stages.model_stage import prepare_worker
from suite.throughput.entry import Bench, Speed, choose, compared, drift_of, measures_of, peak_mib, speed_of
from suite.throughput.session import Session
from suite.throughput.verdict import Judgement, judged

Made = TypeVar("Made")
DRIFT_LIMIT = 0.1
"""A row is steady where the reference, timed before and after it, differs by no more than this fraction."""


class Contender(NamedTuple):
    """A loaded entry on its bench, its best batch, and how many bytes its weights hold on the device."""

    bench: Bench
    batch: int
    own: int


class Timed(NamedTuple):
    """What timing one entry gave."""

    speed: Speed
    peak_mib: float
    layout: str
    verdict: Judgement


@dataclass(frozen=True)
class Field:
    """One track with the originals that its entries are timed on; here while they predict.

    ``loaded`` is what is on the device already, ``sizes`` the bytes that each of it holds there, ``players`` the
    entries by their cells' digests.
    """

    work: ClassVar[Work] = "inference"

    session: Session
    track: LiveTrack
    samples: Sequence[Sample]
    originals: Sequence[Original]
    loaded: dict[str, object] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    players: dict[str, Player] = field(default_factory=dict)

    def contender(self, cell: Cell) -> Contender:
        """Load an entry and find its best batch."""
        bench = self.bench(cell)
        best = choose(bench, self.session.batches, self.session.pace, self.session.stopwatch)
        return Contender(bench, best, self.own(cell))

    def bench(self, cell: Cell) -> Bench:
        """Load an entry and put it on its bench."""
        return Bench(self.load(cell), self.originals, geometry_first=cell.condition.geometry is not None)

    def load(self, cell: Cell) -> Player:
        """Load an entry unless it is there."""
        if cell.digest not in self.players:
            self.players[cell.digest] = self._entered(cell)
        return self.players[cell.digest]

    def _entered(self, cell: Cell) -> Player:
        (model_key, mitigation_key), mitigation = key_of(cell), self.mitigation(cell)
        device, retrained = self.session.device, isinstance(mitigation, Retraining)
        if not retrained:
            self._weighed(mitigation_key, lambda: once(self.loaded, mitigation_key, mitigation, device))
        return self._weighed(
            cell.digest if retrained else model_key, lambda: player(self.track, cell, device, self.loaded)
        )

    def mitigation(self, cell: Cell) -> Any:
        """Return an entry's live mitigation."""
        return self.track.mitigations[cell.mitigation.key].plugin

    def own(self, cell: Cell) -> int:
        """Return how many bytes of what a loaded entry needs were on the device before it was timed."""
        model_key, mitigation_key = key_of(cell)
        if isinstance(self.mitigation(cell), Retraining):
            return self.sizes[cell.digest]
        return self.sizes[mitigation_key] + self.sizes[model_key]

    def _weighed(self, key: str, load: Callable[[], Made]) -> Made:
        before = self.session.meter.held()
        loaded = load()
        self.sizes.setdefault(key, self.session.meter.held() - before)
        return loaded

    def speed(self, contender: Contender) -> Speed:
        """Time a contender at batch 1 and at its best."""
        return speed_of(contender.bench, contender.batch, self.session.pace, self.session.stopwatch)

    def judged(self, cell: Cell, bench: Bench) -> Judgement:
        """Return whether a timing counts."""
        return judged(self.session, self.track, cell, bench, self.samples)

    def settings(self) -> dict[str, Value]:
        """Return how entries are timed here."""
        energy = {"energy": self.session.energy} if self.session.energy else {}
        return self.session.settings(
            threads=self.session.threads,
            images=len(self.originals),
            memory=self.session.meter.what,
            drift_limit=DRIFT_LIMIT,
            **energy,
        )


class Reference:
    """The model that entries are compared with: the protocol's first baseline, unmitigated."""

    def __init__(self, on: Field, cell: Cell) -> None:
        self.cell = cell
        self._on = on
        self._contender = attempt(lambda: on.contender(cell))

    def contender(self) -> Contender | Failure:
        """Return the loaded model, or why there is none."""
        found: Contender | Failure = self._contender
        return found

    def speed(self) -> Speed | None:
        """Time it; None, with a note, where it fails."""
        found = self._contender
        timed = found if isinstance(found, Failure) else attempt(lambda: self._on.speed(found))
        if isinstance(timed, Failure):
            self._on.session.progress.note(f"Compared with nothing: {self.cell.model} failed: {timed.reason}")
            return None
        speed: Speed = timed
        return speed


def time_entries(on: Field, cells: Sequence[Cell]) -> None:
    """Time all entries and store a row each; the reference's timing after one is that before the next."""
    prepare_worker(on.session.threads, tf32=on.session.spec.tf32)
    on, cell = with_reference(on, cells[0])
    reference = Reference(on, cell)
    before = reference.speed()
    for cell in cells:
        found = attempt(lambda c=cell: timed(on, c, reference))  # type: ignore[misc]
        after = reference.speed()
        row = row_of(on, cell, found)
        if isinstance(found, Timed) and before and after:
            row = beside(row, reference.cell.model, found.speed, before, after)
        on.session.record(on.track, row)
        before = after


def with_reference(on: Field, like: Cell) -> tuple[Field, Cell]:
    """Return the field with the protocol's first baseline among its models, and the cell of that on the originals."""
    model = registry.load("model", on.track.spec.baselines[0].name)
    mitigation = registry.load("mitigation", ORIGINAL)
    condition = like.condition
    if condition.geometry is not None:
        condition = msgspec.structs.replace(condition, geometry=model.ref)
    models = {model.ref.key: model} | on.track.models
    mitigations = {mitigation.ref.key: mitigation} | on.track.mitigations
    track = replace(on.track, models=models, mitigations=mitigations)
    return replace(on, track=track), Cell(condition=condition, model=model.ref, mitigation=mitigation.ref)


def timed(on: Field, cell: Cell, reference: Reference) -> Timed:
    """Time one entry and check its answers; what its plugins raise is for the caller."""
    known = reference.contender() if cell == reference.cell else None
    contender = known if isinstance(known, Contender) else on.contender(cell)
    speed, peak = peak_mib(lambda: on.speed(contender), on.session.meter, contender.own)
    layout = contender.bench.layout
    return Timed(speed, peak, layout, on.judged(cell, contender.bench))


def row_of(on: Field, cell: Cell, found: Timed | Failure) -> Throughput:
    """Return an entry's row, before it is compared."""
    row = Throughput(
        work=on.work,
        condition=cell.condition,
        model=cell.model,
        mitigation=cell.mitigation,
        status="failed",
        settings=on.settings(),
    )
    if isinstance(found, Failure):
        return replace(row, reason=found.reason)
    return replace(
        row,
        status=found.verdict.status,
        reason=found.verdict.reason,
        settings={**row.settings, "layout": found.layout},
        measures=(*measures_of(found.speed), Measure(name="peak_memory_mib", value=found.peak_mib)),
    )


def beside(row: Throughput, reference: PluginRef, speed: Speed, before: Speed, after: Speed) -> Throughput:
    """Return a row compared with the reference as it was before and after."""
    return replace(
        row,
        reference=reference,
        steady=drift_of(before, after) <= DRIFT_LIMIT,
        measures=(*row.measures, *compared(speed, before, after)),
    )
