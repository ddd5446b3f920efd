"""What is to be measured: a protocol and entries become conditions and their cells. Pure data, pure functions.

Resume, dry run, cost and sharding are operations on the lists made here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from suite.errors import UsageError, nearest
from suite.spec import ORIGINAL, Cell, CodecSpec, Condition, PluginRef, ProtocolSpec, TrackSpec


class Entry(NamedTuple):
    """A model with a mitigation: what a row of a ranking stands for."""

    model: PluginRef
    mitigation: PluginRef


class PlannedCondition(NamedTuple):
    """A condition and the cells that share its encode and decode work."""

    condition: Condition
    cells: tuple[Cell, ...]


class Cost(NamedTuple):
    """How much work a plan is."""

    conditions: int
    cells: int
    encodes: int
    predictions: int


def plan_track(
    spec: ProtocolSpec,
    track: TrackSpec,
    *,
    dataset: PluginRef,
    manifest: str,
    samples: int,
    codecs: Mapping[str, PluginRef],
    entries: Sequence[Entry],
    limit: int | None = None,
    opened: Sequence[CodecSpec] = (),
) -> tuple[PlannedCondition, ...]:
    """Return the conditions of one track, the reference first, each with one cell an entry.

    ``codecs`` holds the record of each codec to measure, by label, and always that of the original. ``opened`` are
    codecs that the protocol does not name, see `OpenCodecs`; they come after its own.
    """
    on_track = partial(
        Condition,
        protocol=spec.digest,
        task=track.task,
        dataset=dataset,
        split=track.split,
        manifest=manifest,
        samples=samples,
        order=spec.order,
        limit=None if limit is None or limit >= samples else limit,
    )
    reference = CodecSpec(name=ORIGINAL, version=codecs[ORIGINAL].version, parameter="none", values=(0,))
    planned = []
    own = (codec for codec in (*spec.codecs, *opened) if codec.label in codecs)
    for codec in (reference, *own):
        for setting in codec.settings():
            for geometry, group in by_geometry(spec, entries):
                condition = on_track(
                    codec=codecs[codec.label],
                    variant=codec.variant,
                    parameters=codec.parameters,
                    axis=codec.axis,
                    searched="" if codec.axis == "setting" else codec.parameter,
                    parameter=setting.parameter,
                    value=setting.value,
                    geometry=geometry,
                )
                cells = tuple(Cell(condition=condition, model=e.model, mitigation=e.mitigation) for e in group)
                planned.append(PlannedCondition(condition, cells))
    return tuple(planned)


def by_geometry(spec: ProtocolSpec, entries: Sequence[Entry]) -> list[tuple[PluginRef | None, list[Entry]]]:
    """Group the entries that share coded images: all, or those of one model where its geometry comes first."""
    if spec.order == "compress-then-geometry":
        return [(None, list(entries))] if entries else []
    models = dict.fromkeys(entry.model.key for entry in entries)
    groups = [[entry for entry in entries if entry.model.key == key] for key in models]
    return [(group[0].model, group) for group in groups]


def check_settings(spec: ProtocolSpec, wanted: Iterable[str]) -> None:
    """Raise UsageError unless the protocol has every setting in ``wanted``, given as ``75`` or ``quality=75``."""
    settings = [setting for codec in spec.codecs for setting in codec.settings()]
    known = {str(setting) for setting in settings} | {str(setting.value) for setting in settings}
    for text in wanted:
        if text not in known:
            hint = nearest(text, known) or f"There are {', '.join(map(str, settings))}."
            raise UsageError(f"{spec.label} has no setting '{text}'. {hint}")


def select(planned: Iterable[PlannedCondition], settings: frozenset[str]) -> tuple[PlannedCondition, ...]:
    """Keep the references and the conditions whose setting is among ``settings`` (empty: all)."""
    return tuple(
        item
        for item in planned
        if not settings
        or item.condition.is_reference
        or settings & {str(item.condition.setting), str(item.condition.value)}
    )


def without(planned: Iterable[PlannedCondition], done: Collection[str]) -> tuple[PlannedCondition, ...]:
    """Leave out the cells whose digest is in ``done``, and conditions that are left with none."""
    kept = (PlannedCondition(c, tuple(cell for cell in cells if cell.digest not in done)) for c, cells in planned)
    return tuple(item for item in kept if item.cells)


def cost(planned: Iterable[PlannedCondition]) -> Cost:
    """Return how much work ``planned`` is."""
    items = list(planned)
    return Cost(
        conditions=len(items),
        cells=sum(len(item.cells) for item in items),
        encodes=sum(item.condition.count for item in items if not item.condition.is_reference),
        predictions=sum(item.condition.count * len(item.cells) for item in items),
    )
