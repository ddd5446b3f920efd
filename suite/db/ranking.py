"""Results to a ranking: pure functions. An entry's numbers come from one protocol, one machine, one set of samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple, TypeAlias, TypeVar

from msgspec.structs import replace

from suite.api import Setting, Task
from suite.db.records import Age, Drop, EntryRow, Ranking, RankingRow, StoredResult
from suite.digest import canonical_json
from suite.spec import ORIGINAL, CodecSpec, Condition, Measure, PluginRef, ProtocolSpec, TrackSpec

Slot: TypeAlias = str
"""What a protocol asks to measure of every entry: the original, or one codec at one setting."""

TIE_DIGITS = 12
"""Mean drops that agree in so many decimals are equal; sums of floats differ in the last ones."""

SUPERSEDED = "superseded by a newer run"
DRAFT = "protocol is a draft"
DEVIATING = "this machine's codecs do not conform"

Row = TypeVar("Row", bound=EntryRow)


class Samples(NamedTuple):
    """What decides which of a protocol's tracks was measured."""

    task: Task
    split: str
    manifest: str
    dataset: PluginRef


class TableKey(NamedTuple):
    """Which table: the place of its track in the protocol, and the samples that were measured."""

    track: int
    manifest: str


class Setup(NamedTuple):
    """What a reference and the results compared with it have in common, besides their protocol."""

    task: Task
    dataset: PluginRef
    split: str
    manifest: str
    samples: int
    limit: int | None
    environment: str
    model: PluginRef


@dataclass(frozen=True)
class Entry:
    """One row to be: the newest result in each slot; the original's is that of the unmitigated model."""

    setup: Setup
    mitigation: PluginRef
    track: TrackSpec | None
    expected: tuple[Slot, ...]
    cells: dict[Slot, StoredResult]
    newest: StoredResult

    @property
    def metric(self) -> str:
        """The metric that the ranking uses."""
        return metric_of(self.track)

    @property
    def in_order(self) -> list[StoredResult]:
        """What there is, in the protocol's order."""
        return [self.cells[slot] for slot in self.expected if slot in self.cells]

    @property
    def reference(self) -> Measure | None:
        """The value on the original, if it counts."""
        return self.counted(self.cells.get(ORIGINAL))

    def counted(self, stored: StoredResult | None) -> Measure | None:
        """Return the ranking's metric of a result, if that counts."""
        return stored.measure(self.metric) if stored and stored.counts else None


def rank(spec: ProtocolSpec, results: Iterable[StoredResult], *, released: bool) -> Ranking:
    """Rank the newest results of each cell, all of protocol ``spec``; drafts (not ``released``) are not ranked."""
    return Ranking.of(placed(spec, map(row_of, entries_of(spec, results)), released=released))


def placed(spec: ProtocolSpec, rows: Iterable[Row], *, released: bool) -> list[Row]:
    """Return rows with their ranks: track by track, best first, then those without a rank and why they have none."""
    rows = [row if released else replace(row, why_unranked=joined(row.why_unranked, DRAFT)) for row in rows]
    tables = Tables(spec)
    newest = newest_by_entry(tables, (row for row in rows if not row.why_unranked))
    rankable: dict[TableKey, list[Row]] = defaultdict(list)
    others: list[Row] = []
    for row in rows:
        if row.why_unranked:
            others.append(row)
        elif newest[tables.of(row), row.model, row.mitigation] != row.age:
            others.append(replace(row, why_unranked=SUPERSEDED))
        else:
            rankable[tables.of(row)].append(row)
    return [*(row for key in sorted(rankable) for row in numbered(rankable[key])), *sorted(others, key=by_name)]


def entries_of(spec: ProtocolSpec, results: Iterable[StoredResult]) -> list[Entry]:
    """Group results into entries; of two results in one slot the newer counts."""
    expected = slots_of(spec)
    references: dict[Setup, StoredResult] = {}
    groups: dict[tuple[Setup, PluginRef], dict[Slot, StoredResult]] = defaultdict(dict)
    for stored in sorted(results, key=lambda stored: stored.age):
        cell = stored.result.cell
        setup, slot = setup_of(stored), slot_of(cell.condition)
        groups[setup, cell.mitigation][slot] = stored
        if slot == ORIGINAL and cell.mitigation.name == ORIGINAL:
            references[setup] = stored
    return [
        Entry(
            setup=setup,
            mitigation=mitigation,
            track=track_of(spec, setup),
            expected=expected,
            cells={slot: stored for slot, stored in slots.items() if slot != ORIGINAL}
            | ({ORIGINAL: references[setup]} if setup in references else {}),
            newest=max(slots.values(), key=lambda stored: stored.age),
        )
        for (setup, mitigation), slots in groups.items()
    ]


def setup_of(stored: StoredResult) -> Setup:
    """Return what must be equal for two results to be compared."""
    on = stored.result.cell.condition
    return Setup(
        on.task,
        on.dataset,
        on.split,
        on.manifest,
        on.samples,
        on.limit,
        stored.environment,
        stored.result.cell.model,
    )


def slots_of(spec: ProtocolSpec) -> tuple[Slot, ...]:
    """Return everything that a protocol asks to measure of an entry, the original first."""
    codecs = [codec for codec in spec.codecs if codec.name != ORIGINAL]
    return (ORIGINAL, *(codec_slot(codec, setting) for codec in codecs for setting in codec.settings()))


def codec_slot(codec: CodecSpec, setting: Setting) -> Slot:
    """Return the slot of a protocol's codec at one of its settings or target rates."""
    return canonical_json([codec.name, codec.version, codec.parameters, codec.axis, *setting])


def slot_of(on: Condition) -> Slot:
    """Return the slot that a condition fills."""
    if on.is_reference:
        return ORIGINAL
    return canonical_json([on.codec.name, on.codec.version, on.parameters, on.axis, *on.setting])


def track_of(spec: ProtocolSpec, setup: Samples | Setup) -> TrackSpec | None:
    """Return the track that was measured, by its samples; in a draft a user's own dataset may stand in for it."""
    tracks = [track for track in spec.tracks if (track.task, track.split) == (setup.task, setup.split)]
    pinned = [track for track in tracks if track.manifest and track.manifest == setup.manifest]
    named = [track for track in tracks if track.dataset.name == setup.dataset.name]
    return next(iter(pinned or named or tracks), None)


def metric_of(track: TrackSpec | None) -> str:
    """Return the metric that a track is ranked by; empty for samples of no track."""
    return track.metrics[0] if track else ""


def reasons_against(entry: Entry) -> list[str]:
    """Return what of its own keeps an entry from a rank, what its user can mend first; empty where nothing does."""
    present, limit, samples = entry.in_order, entry.setup.limit, entry.setup.samples
    failed = [f"{on(stored)}: {stored.result.reason}" for stored in present if stored.result.status == "failed"]
    errata = [f"{on(stored)}: {stored.errata[-1].reason}" for stored in present if stored.errata]
    silent = [on(stored) for stored in present if stored.counts and not stored.measure(entry.metric)]
    return [
        *summed_up("failed: ", failed),
        *summed_up("erratum: ", errata),
        *summed_up(f"no {entry.metric or 'such track in the protocol'}: ", silent),
        *[f"incomplete: {len(present)} of {len(entry.expected)} conditions"] * (len(present) < len(entry.expected)),
        *["the protocol has no compressed conditions"] * (len(entry.expected) == 1),
        *[DEVIATING] * any(not stored.result.conformant for stored in present),
        *[f"trial on {limit} of {samples} samples"] * (limit is not None),
    ]


def on(stored: StoredResult) -> str:
    """Return a result's condition, as a reader knows it."""
    return str(stored.result.cell.condition)


def summed_up(what: str, cases: Sequence[str]) -> list[str]:
    """Return the first case and how many more there are, or nothing."""
    more = f" (and {len(cases) - 1} more)" if len(cases) > 1 else ""
    return [f"{what}{cases[0]}{more}"] if cases else []


def joined(*reasons: str) -> str:
    """Return reasons in one line."""
    return "; ".join(filter(None, reasons))


def row_of(entry: Entry) -> RankingRow:
    """Return an entry's row, its rank still open, with what of its own speaks against it."""
    setup, drops = entry.setup, drops_of(entry)
    found = [drop.drop for drop in drops if drop.drop is not None]
    complete = bool(found) and len(found) == len(entry.expected) - 1
    return RankingRow(
        rank=None,
        why_unranked=joined(*reasons_against(entry)),
        task=setup.task,
        dataset=setup.dataset,
        split=setup.split,
        manifest=setup.manifest,
        model=setup.model,
        mitigation=entry.mitigation,
        environment=setup.environment,
        samples=entry.newest.result.cell.condition.count,
        limit=setup.limit,
        metric=entry.metric,
        reference=entry.reference,
        reference_id=entry.cells[ORIGINAL].id if entry.reference else None,
        mean_drop=fsum(found) / len(found) if complete else None,
        drops=drops,
        created_at=entry.newest.created_at,
        result_id=entry.newest.id,
    )


def drops_of(entry: Entry) -> tuple[Drop, ...]:
    """Return what each compressed condition costs, in the protocol's order; only results that count."""
    pairs = [(stored, entry.counted(stored)) for stored in entry.in_order]
    return tuple(
        drop_of(stored, measure, entry.reference)
        for stored, measure in pairs
        if measure is not None and not stored.result.cell.condition.is_reference
    )


def drop_of(stored: StoredResult, measure: Measure, reference: Measure | None) -> Drop:
    """Return what one condition costs against the reference."""
    condition = stored.result.cell.condition
    frames = {name: stored.measure(name) for name in ("bits_per_pixel", "psnr_db", "ssim")}
    return Drop(
        result_id=stored.id,
        codec=condition.label,
        parameters=condition.parameters,
        parameter=condition.parameter,
        value=condition.value,
        **{name: found.value if found else None for name, found in frames.items()},
        measure=measure,
        drop=reference.value - measure.value if reference else None,
    )


class Tables:
    """The tables that a protocol's entries are ranked in: one for each track's samples."""

    def __init__(self, spec: ProtocolSpec) -> None:
        self._spec = spec
        self._known: dict[Samples, TableKey] = {}

    def of(self, row: EntryRow) -> TableKey:
        """Return an entry's table: the track's place in the protocol, and the samples."""
        samples = Samples(row.task, row.split, row.manifest, row.dataset)
        if samples not in self._known:
            track = track_of(self._spec, samples)
            place = self._spec.tracks.index(track) if track else len(self._spec.tracks)
            self._known[samples] = TableKey(place, row.manifest)
        return self._known[samples]


def newest_by_entry(tables: Tables, rows: Iterable[EntryRow]) -> dict[tuple[TableKey, PluginRef, PluginRef], Age]:
    """Return the age of an entry's newest result over all the machines that it was measured on."""
    newest: dict[tuple[TableKey, PluginRef, PluginRef], Age] = {}
    for row in rows:
        key = (tables.of(row), row.model, row.mitigation)
        newest[key] = max(row.age, newest.get(key, row.age))
    return newest


def numbered(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of one table, best first, with their ranks; equal mean drops share one."""
    ranks: dict[float, int] = {}
    return [
        replace(row, rank=ranks.setdefault(standing(row)[0], place))
        for place, row in enumerate(sorted(rows, key=standing), start=1)
    ]


def standing(row: EntryRow) -> tuple[float, float, str, str]:
    """Return what orders ranked rows: the mean drop, then the higher reference, then the name."""
    reference = row.reference.value if row.reference else 0.0
    return round(row.mean_drop or 0.0, TIE_DIGITS), -reference, str(row.model), str(row.mitigation)


def by_name(row: EntryRow) -> tuple[str, str, str, int]:
    """Return what orders unranked rows: their names, then the newest first."""
    return str(row.task), str(row.model), str(row.mitigation), -row.result_id
