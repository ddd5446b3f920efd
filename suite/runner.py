"""Run a protocol: skip what is done, measure the rest, store each cell's result. The one place with a database.

A broken plugin becomes a failed result with its reason. Whatever interrupts a run, the journal keeps its finished
blocks, and the same command goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from suite import conformance, environment, weights
from suite.db import queries
from suite.db.engine import open_for_writing
from suite.db.journal import Journal
from suite.db.store import Store
from suite.device import resolve
from suite.digest import digest_of
from suite.engines import local
from suite.errors import DataError, NothingToMeasure
from suite.isolation.codec import Hosts
from suite.lineup import Absent, Choice, Lineup, LiveTrack, line_up, searched
from suite.metrics import metrics_of
from suite.metrics.image import FRAMES_SCHEMA
from suite.pipeline import (
    BlockOutcome,
    Failure,
    Job,
    LiveCell,
    LiveCondition,
    Tables,
    measures_of,
    reason_of,
    run_block,
)
from suite.plan import PlannedCondition, without
from suite.players import Key, Player, enter, key_of, predictors, recipe_of, tuned
from suite.progress import Progress, Silent
from suite.shuffle import Shuffle
from suite.spec import Cell, Condition, Environment, ProtocolSpec, Result, Tuning, content
from suite.stages import bitstreams
from suite.stages.codec_stage import Encoder, read_one
from suite.stages.model_stage import Predictor, prepare_worker
from suite.targets import settle
from suite.tuning import Wish


@dataclass(frozen=True)
class Report:
    """What a run did: results stored, failures with their reasons, cells that were there already, what is missing."""

    run: int
    environment: str
    stored: int
    failed: tuple[str, ...]
    present: int
    absent: tuple[Absent, ...]


def run(
    spec: ProtocolSpec,
    choice: Choice,
    *,
    database: Path,
    device: str = "auto",
    wish: Wish | None = None,
    progress: Progress | None = None,
    command: Sequence[str] = (),
) -> Report:
    """Measure every cell that ``database`` does not hold yet. Raises a SuiteError for what concerns the whole run."""
    progress = progress or Silent()
    device = resolve(device)
    lineup = complete_lineup(spec, choice, progress)
    if not any(track.planned for track in lineup.tracks):
        raise NothingToMeasure(f"Nothing of {spec.label} can be measured here. {' '.join(map(str, lineup.absent))}")
    here = environment.record(device)
    engine = open_for_writing(database)
    store = Store(engine, database)
    store.record_protocol(spec)
    store.record_environment(here)
    done = queries.done_cells(engine, here.digest)
    with closing(Journal(database)) as journal, closing(Hosts()) as hosts:
        session = Session(
            spec=spec,
            store=store,
            journal=journal,
            environment=here,
            run=store.begin_run(command),
            deviating=conformance.deviating(spec, to_measure(lineup, done)),
            device=device,
            wish=wish or Wish(),
            progress=progress,
            bitstreams=bitstreams.opened(progress.note),
            hosts=hosts,
        )
        for track in lineup.tracks:
            session.present += sum(cell.digest in done for cell in cells_of(track.planned))
            run_track(session, track, without(track.planned, done))
    store.summarise()
    return Report(session.run, here.digest, session.stored, tuple(session.failed), session.present, lineup.absent)


def complete_lineup(spec: ProtocolSpec, choice: Choice, progress: Progress) -> Lineup:
    """Return who takes part, after downloading the weights that are missing, as far as there is a network."""
    lineup = line_up(spec, choice)
    wanted = {published.file: published for absent in lineup.absent for published in absent.published}
    return line_up(spec, choice) if weights.obtain(wanted.values(), progress) else lineup


def to_measure(lineup: Lineup, done: Collection[str]) -> set[str]:
    """Return the names, as golden values have them, of the settings and models that are not done yet."""
    cells = [cell for track in lineup.tracks for cell in cells_of(without(track.planned, done))]
    return {str(cell.condition) for cell in cells} | {str(cell.model) for cell in cells}


@dataclass
class Session:
    """What all tracks of one run share, and what the run has done so far."""

    spec: ProtocolSpec
    store: Store
    journal: Journal
    environment: Environment
    run: int
    deviating: frozenset[str]
    device: str
    wish: Wish
    progress: Progress
    bitstreams: bitstreams.Store
    hosts: Hosts
    stored: int = 0
    present: int = 0
    failed: list[str] = field(default_factory=list)

    def owner(self, digest: str) -> str:
        """Return the journal's name of a cell or condition on this environment."""
        return f"{digest} {self.environment.digest}"

    def conforms(self, cell: Cell) -> bool:
        """Whether nothing in this cell is known to differ from the protocol's golden values; drafts have none."""
        return not {str(cell.condition), str(cell.model)} & self.deviating


def run_track(session: Session, track: LiveTrack, pending: Sequence[PlannedCondition]) -> None:
    """Measure the pending cells of one track and store their results."""
    if not pending:
        return
    tuning = Tuning(device=session.device, workers=0, threads_per_worker=0, block=0, batch={}, layout={})
    try:
        players, failures = enter(track, cells_of(pending), session.device)
        pending = fail(session, track, pending, failures, tuning)
        if players:
            session.progress.start("choosing batch sizes", None)
            tuning = tuned(
                track,
                players.values(),
                device=session.device,
                host=session.environment.digest,
                tf32=session.spec.tf32,
                wish=session.wish,
                kept=recipes(session, pending, players),
            )
            tuning = msgspec.structs.replace(tuning, isolation=isolation_of(track))
            measure(session, track, pending, players, tuning)
    except DataError as error:
        reason = unreadable(track, error, session.progress)
        fail(session, track, pending, {cell.digest: reason for cell in cells_of(pending)}, tuning)


def isolation_of(track: LiveTrack) -> dict[str, str]:
    """Return what keeps each of the track's submitted plugins apart, by its name."""
    live = (*track.codecs.values(), *track.models.values(), *track.mitigations.values())
    plugins = (loaded.plugin for loaded in live)
    return {plugin.name: plugin.isolation for plugin in plugins if getattr(plugin, "isolation", "")}


def order_of(session: Session, track: LiveTrack, tuning: Tuning) -> Shuffle | None:
    """Return the order in which the samples are shown where any plugin is a submitted one, None for their own."""
    return Shuffle(len(track.samples), session.spec.digest) if tuning.isolation else None


def cells_of(planned: Iterable[PlannedCondition]) -> list[Cell]:
    """Return the cells of all conditions."""
    return [cell for item in planned for cell in item.cells]


def fail(
    session: Session, track: LiveTrack, pending: Sequence[PlannedCondition], reasons: dict[str, str], tuning: Tuning
) -> tuple[PlannedCondition, ...]:
    """Store a failed result for each cell that has a reason, and return the plan without them."""
    for cell in (cell for cell in cells_of(pending) if cell.digest in reasons):
        reason = reasons[cell.digest]
        result = Result(cell=cell, status="failed", reason=reason, conformant=session.conforms(cell), tuning=tuning)
        record(session, track, result, None)
        session.failed.append(f"{cell}: {reason}")
    return without(pending, reasons)


def unreadable(track: LiveTrack, first: DataError, progress: Progress) -> str:
    """Return which images cannot be read, and how many: all are tried, so that one look is enough to mend them."""
    progress.start("looking for unreadable images", len(track.samples))
    problems = []
    for sample in track.samples:
        try:
            read_one(track.dataset.plugin, sample)
        except DataError as error:
            problems.append(str(error))
        progress.advance(1)
    if not problems:
        return reason_of(first)
    more = f" … and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"{len(problems)} of {len(track.samples)} images cannot be read: {' | '.join(problems[:3])}{more}"


def recipes(session: Session, pending: Sequence[PlannedCondition], players: dict[Key, Player]) -> dict[str, str]:
    """Return, for each player with blocks in the journal, the recipe under which they were made."""
    found = {}
    for cell in cells_of(pending):
        recipe = session.journal.recipe(session.owner(cell.digest))
        if recipe is not None:
            found[players[key_of(cell)].label] = recipe
    return found


def measure(
    session: Session,
    track: LiveTrack,
    pending: Sequence[PlannedCondition],
    players: dict[Key, Player],
    tuning: Tuning,
) -> None:
    """Run all blocks of the pending cells, keep their outcomes in the journal, and store the results at the end."""
    order = order_of(session, track, tuning)
    known = adopt(session, pending, players, tuning, order)
    running = predictors(players.values(), tuning, session.progress.note)
    dropped: dict[str, str] = {}
    job = Job(
        dataset=track.dataset.plugin,
        samples=order.shuffled(track.samples) if order else track.samples,
        conditions=tuple(
            live_condition(
                *(track, item, players, running),
                hosts=session.hosts,
                store=session.bitstreams,
                workers=tuning.workers,
            )
            for item in pending
        ),
        metrics=metrics_of(track.spec.task),
        block=tuning.block,
        skip=lambda cell, start: cell in dropped or start in known[cell],
    )
    job, missed = settle(job, workers=tuning.workers, progress=session.progress)
    dropped |= missed
    session.progress.start(f"measuring {track.spec.dataset.name}", unknown_predictions(job))
    prepare = partial(prepare_worker, tuning.threads_per_worker, tf32=session.spec.tf32)
    outcomes = local.stream(partial(run_block, job), job.starts(), workers=tuning.workers, prepare=prepare)
    with closing(outcomes):
        for outcome in outcomes:
            keep(session, outcome)
            dropped |= {cell: kept.reason for cell, kept in outcome.cells.items() if isinstance(kept, Failure)}
            rows = min(job.block, len(job.samples) - outcome.start)
            session.progress.advance(rows * len(outcome.cells))
    tuning = msgspec.structs.replace(tuning, batch={label: one.batch for label, one in running.items()})
    pending = fail(session, track, pending, dropped, tuning)
    for cell in cells_of(pending):
        store_result(session, track, cell, tuning, order)
    session.journal.forget([session.owner(item.condition.digest) for item in pending])


def adopt(
    session: Session,
    pending: Sequence[PlannedCondition],
    players: dict[Key, Player],
    tuning: Tuning,
    order: Shuffle | None,
) -> dict[str, set[int]]:
    """Return where the blocks start that the journal already holds for each cell, under this very recipe."""
    known = {}
    for condition, cells in pending:
        frames = session.owner(condition.digest)
        shown = f" order={order.name}" if order else ""
        session.journal.adopt(frames, f"block={tuning.block} columns={len(FRAMES_SCHEMA)}{shown}")
        with_frames = session.journal.starts(frames)
        for cell in cells:
            owner = session.owner(cell.digest)
            session.journal.adopt(owner, recipe_of(players[key_of(cell)], tuning, order.name if order else ""))
            known[cell.digest] = session.journal.starts(owner) & with_frames
    return known


def live_condition(
    track: LiveTrack,
    item: PlannedCondition,
    players: dict[Key, Player],
    running: dict[str, Predictor],
    *,
    hosts: Hosts,
    store: bitstreams.Store | None,
    workers: int,
) -> LiveCondition:
    """Put the live plugins to one condition; those that hold the lock run in processes if there are several workers."""
    on, seats = item.condition, [(cell.digest, players[key_of(cell)]) for cell in item.cells]
    codec = track.codec_of(on)
    hosted = hosts.codec(codec.plugin, codec.origin, workers=workers)
    return LiveCondition(
        condition=on,
        digest=on.digest,
        encoder=Encoder(hosted, encoder_identity(on), store),
        settings=(on.setting,) if on.axis == "setting" else searched(codec.plugin, on.searched),
        geometry=seats[0][1].model if on.geometry else None,
        cells=tuple(LiveCell(digest, running[seat.label], seat.restoration) for digest, seat in seats),
    )


def encoder_identity(on: Condition) -> str:
    """Return what stands for a codec in the names of its bitstreams: the plugin with its build, and its parameters."""
    return digest_of("encoder/1", [content(on.codec), on.parameters])


def unknown_predictions(job: Job) -> int:
    """Return how many predictions are still to be made."""
    cells = [cell.digest for condition in job.conditions for cell in condition.cells]
    rows = {start: min(job.block, len(job.samples) - start) for start in job.starts()}
    return sum(count for start, count in rows.items() for cell in cells if not job.skip(cell, start))


def keep(session: Session, outcome: BlockOutcome) -> None:
    """Put a block's outcomes into the journal."""
    tables = {cell: kept for cell, kept in outcome.cells.items() if not isinstance(kept, Failure)}
    if not isinstance(outcome.frames, Failure):
        tables[outcome.condition] = outcome.frames
    session.journal.add(outcome.start, [(session.owner(digest), table) for digest, table in tables.items()])


def store_result(session: Session, track: LiveTrack, cell: Cell, tuning: Tuning, order: Shuffle | None) -> None:
    """Compute a cell's measures from its whole outcomes, store the result, and forget its blocks."""
    owner = session.owner(cell.digest)
    tables = Tables(session.journal.whole(owner), session.journal.whole(session.owner(cell.condition.digest)))
    if order:
        tables = Tables(*map(order.restored, tables))
    measures = measures_of(
        cell.condition,
        metrics_of(track.spec.task),
        names=track.spec.metrics,
        frame_names=session.spec.frame_metrics,
        tables=tables,
    )
    result = Result(cell=cell, status="ok", conformant=session.conforms(cell), tuning=tuning, measures=measures)
    record(session, track, result, tables)
    session.journal.forget([owner])
    session.stored += 1


def record(session: Session, track: LiveTrack, result: Result, tables: Tables | None) -> None:
    """Append a result to the database, with what is known of its plugins."""
    loaded = (track.dataset, *track.codecs.values(), *track.models.values(), *track.mitigations.values())
    session.store.record(
        result,
        run=session.run,
        environment=session.environment.digest,
        cards={item.ref: item.card for item in loaded if item.card},
        outcomes=tables and tables.outcomes,
        frames=tables and tables.frames,
    )
