"""A random share of a submission's predictions made again, by new processes that have seen nothing else."""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import msgspec

from suite import protocols
from suite.digest import sha256_of_file
from suite.errors import IncompleteSubmission, UnverifiedSubmission, UsageError
from suite.isolation.codec import Hosts
from suite.lineup import LiveTrack, line_up
from suite.metrics import metrics_of
from suite.pipeline import Failure, Job, read_block, run_condition
from suite.plan import PlannedCondition
from suite.players import enter
from suite.progress import Progress
from suite.runner import cells_of, live_condition
from suite.spec import Cell, PluginRef
from suite.stages import bitstreams
from suite.stages.model_stage import Predictor, prepare_worker
from suite.submission import predictions
from suite.submission.guests import Terms, Visitor, received
from suite.submission.measuring import Order, choice_for
from suite.submission.predictions import CELL, SAMPLE, Kept, beside_frames
from suite.submission.records import PLUGIN, RESULTS, SUBMISSION, Results, Submission

Record = TypeVar("Record")

TOLERANCE = 1e-3
"""How far scores may move from one machine or batch to another, relative to the largest, unless the plugin says."""
LEAST_SCORE = 1e-3
"""Scores nearer to 0 are compared as if they were this large."""
MOST_SHOWN = 5


@dataclass(frozen=True)
class Verdict:
    """How many predictions of a plugin were made again, and what is wrong with those that differ by ``tolerance``."""

    compared: int
    differing: tuple[str, ...]
    plugin: PluginRef
    isolation: str
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether all of them are as they were."""
        return not self.differing


def again(plugin: Path, order: Order, terms: Terms, kept: Kept, *, share: float, progress: Progress) -> Verdict:
    """Predict a random ``share`` of the samples again, each once under one condition. Raises a SuiteError.

    A submitted codec encodes and decodes them anew: what it wrote before is not looked at, and neither its encoder nor
    its decoder has anything that the other has held.
    """
    if not 0 < share <= 1:
        raise UsageError(f"--sample is a share of the samples, above 0 and at most 1, but got {share}.")
    recorded = predictions.read(kept.path, kept.sha256)
    with received(plugin, replace(terms, apart=True), progress) as visitor, closing(Hosts()) as hosts:
        prepare_worker(1, tf32=order.spec.tf32)
        tracks = line_up(order.spec, choice_for(visitor, order)).tracks
        differing: list[str] = []
        compared = 0
        for track in tracks:
            for cell, wrong in seen_again(track, visitor, recorded, hosts, share=share, terms=terms, progress=progress):
                compared += 1
                differing += [f"{cell}: {wrong}"] if wrong else []
    return Verdict(
        compared,
        tuple(differing),
        plugin=visitor.loaded.ref,
        isolation=visitor.isolation,
        tolerance=tolerance_of(visitor),
    )


def check(verdict: Verdict) -> None:
    """Raise UnverifiedSubmission where any prediction differs."""
    if not verdict.ok:
        listed = "\n".join(verdict.differing[:MOST_SHOWN])
        raise UnverifiedSubmission(
            f"{len(verdict.differing)} of {verdict.compared} predictions differ when they are made again in a new "
            f"process:\n{listed}\nA prediction may depend on its own image alone: not on order, batch, time or chance."
        )


def seen_again(
    track: LiveTrack,
    visitor: Visitor,
    recorded: dict[str, Any],
    hosts: Hosts,
    *,
    share: float,
    terms: Terms,
    progress: Progress,
) -> Iterator[tuple[str, str]]:
    """Yield each cell and sample looked at again, and how its prediction differs, empty if it does not."""
    planned = [item for item in track.planned if item.condition.axis != "bpp-per-dataset"]
    own = (tuple(filter(lambda cell: is_own(cell, visitor), item.cells)) for item in planned)
    mine = [PlannedCondition(item.condition, cells) for item, cells in zip(planned, own, strict=True) if cells]
    players, _ = enter(track, cells_of(mine), terms.device)
    running = {each.label: Predictor(each.model, batch=1, permits=1, notice=progress.note) for each in players.values()}
    is_codec = visitor.manifest.kind == "codec"
    store = None if is_codec else bitstreams.opened(progress.note)
    chosen = drawn(len(track.samples), share)
    progress.start("making predictions again", len(chosen))
    for sample, item in zip(chosen, turns(mine), strict=False):
        live = live_condition(track, item, players, running, hosts=hosts, store=store, workers=1)
        job = Job(track.dataset.plugin, track.samples, (live,), metrics_of(track.spec.task), 1, lambda *_: False)
        block = read_block(track.dataset.plugin, [track.samples[sample]])
        outcome = run_condition(job, live, live.cells, start=sample, block=block)
        progress.advance(1)
        for cell in item.cells:
            found = outcome.cells[cell.digest]
            if is_codec and not isinstance(found, Failure):
                found = beside_frames(found, outcome.frames)
            yield f"{cell}, {track.samples[sample].id}", unlike(found, recorded.get(cell.digest), sample, visitor)


def is_own(cell: Cell, visitor: Visitor) -> bool:
    """Whether the submitted plugin takes part in a cell."""
    return visitor.loaded.ref in (cell.model, cell.mitigation, cell.condition.codec)


def drawn(count: int, share: float) -> list[int]:
    """Return a random share of the samples, at least one, in random order."""
    return Random(secrets.randbits(64)).sample(range(count), max(1, round(share * count)))  # noqa: S311 - seeded so


def turns(planned: Sequence[PlannedCondition]) -> Iterator[PlannedCondition]:
    """Yield conditions in random order, again and again."""
    random = Random(secrets.randbits(64))  # noqa: S311 - seeded so
    while True:
        yield from random.sample(planned, len(planned))


def unlike(found: Any, recorded: Any, sample: int, visitor: Visitor) -> str:
    """Return how an outcome differs from the recorded one of that sample, empty within the tolerance."""
    if isinstance(found, Failure):
        return found.reason
    if recorded is None or sample >= recorded.num_rows:
        return "it is not among the recorded predictions"
    tolerance = tolerance_of(visitor)
    was = recorded.slice(sample, 1).drop_columns([CELL, SAMPLE]).to_pylist()[0]
    now = found.to_pylist()[0]
    differing = (name for name, value in was.items() if not alike(now.get(name), value, tolerance))
    return ", ".join(f"{name} was {was[name]} and is {now.get(name)}" for name in differing)


def tolerance_of(visitor: Visitor) -> float:
    """Return how far a plugin's scores may move, as a share of the recorded one."""
    return visitor.manifest.tolerance or TOLERANCE


def alike(now: Any, was: Any, tolerance: float) -> bool:
    """Whether a value is as it was; numbers with a fraction may differ by a share of the recorded one."""
    if isinstance(was, float) and isinstance(now, float):
        return abs(now - was) <= tolerance * max(abs(was), LEAST_SCORE)
    return bool(now == was)


def submission(
    folder: Path,
    terms: Terms,
    *,
    share: float,
    database: Path,
    recorded: Path | None,
    dataset: str | None,
    progress: Progress,
) -> Verdict:
    """Look again at a share of a submission's predictions; ``recorded`` is their file. Raises a SuiteError."""
    said = read_submission(folder)
    if sha256_of_file(folder / PLUGIN) != f"sha256:{said.plugin_sha256}":
        raise UnverifiedSubmission(f"{folder / PLUGIN} is not the file that was measured: submit it again.")
    spec = protocols.load(said.protocol)
    if spec.digest != said.protocol_digest:
        raise UnverifiedSubmission(f"{folder} was measured under another {said.protocol}: {said.protocol_digest}.")
    order = Order(spec=spec, database=database, dataset=dataset, limit=read_results(folder).limit, device=terms.device)
    place = recorded or predictions.place(database, said.name, said.version)
    kept = Kept(place, said.predictions_sha256, said.predictions_bytes)
    return again(folder / PLUGIN, order, terms, kept, share=share, progress=progress)


def read_submission(folder: Path) -> Submission:
    """Return what `submission.toml` says. Raises IncompleteSubmission."""
    return parsed_toml(folder / SUBMISSION, Submission)


def read_results(folder: Path) -> Results:
    """Return what `results.json` holds. Raises IncompleteSubmission."""
    return parsed(folder / RESULTS, lambda data: msgspec.json.decode(data, type=Results))


def parsed_toml(path: Path, kind: type[Record]) -> Record:
    """Return the record in a TOML file. Raises IncompleteSubmission."""
    return parsed(path, lambda data: msgspec.convert(tomllib.loads(data.decode()), kind))


def parsed(path: Path, parse: Callable[[bytes], Record]) -> Record:
    """Return what a file holds. Raises IncompleteSubmission."""
    try:
        return parse(path.read_bytes())
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise IncompleteSubmission(f"{path} cannot be read ({error}). Make it with: suite submit plugin.py") from error
