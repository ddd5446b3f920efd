"""Blocks of samples to outcomes, outcomes to measures. No database, clock, registry or command line in here.

`run_block` takes a few samples through every condition and cell of a job: each original is decoded once, each
compressed version is made once for all its cells, and nothing outlives the block. A plugin that fails loses its own
cells and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from suite.api import Dataset, Frame, Image, Model, Restoration, Sample, Setting
from suite.metrics import TaskMetrics, image
from suite.spec import Condition, Measure
from suite.stages.codec_stage import Coded, Encoder, Original, Seen, as_original, code, frames_of, read
from suite.stages.model_stage import Predictor, fitted, restored

Table: TypeAlias = Any
"""A pyarrow.Table with one row a sample."""


class Tables(NamedTuple):
    """A cell's whole outcomes and the measures of the frames it saw."""

    outcomes: Table
    frames: Table


class Failure(NamedTuple):
    """Why a cell has no outcomes."""

    reason: str


class LiveCell(NamedTuple):
    """A cell's digest and the live plugins it measures."""

    digest: str
    predictor: Predictor
    restoration: Restoration


class LiveCondition(NamedTuple):
    """A condition, its digest, its live codec, the geometry that comes before the codec (if any) and its cells.

    ``settings``: the one setting of every image, or all those among which each image's rate decides.
    """

    condition: Condition
    digest: str
    encoder: Encoder
    settings: tuple[Setting, ...]
    geometry: Model | None
    cells: tuple[LiveCell, ...]


@dataclass(frozen=True)
class Job:
    """One track's work: everything that `run_block` needs to know besides where to start."""

    dataset: Dataset
    samples: Sequence[Sample]
    conditions: tuple[LiveCondition, ...]
    metrics: TaskMetrics
    block: int
    skip: Callable[[str, int], bool]
    """(cell digest, start of a block) -> whether its outcomes are known already or no longer wanted."""

    def starts(self) -> range:
        """Return where the blocks start."""
        return range(0, len(self.samples), self.block)


class BlockOutcome(NamedTuple):
    """What one block gave under one condition: the frames' measures, and each cell's outcomes or failure."""

    condition: str
    start: int
    frames: Table | Failure
    cells: dict[str, Table | Failure]


def run_block(job: Job, start: int) -> Iterator[BlockOutcome]:
    """Yield the outcomes of the block of samples at ``start``, condition by condition. Raises DataError."""
    block: Block | None = None
    for live in job.conditions:
        cells = [cell for cell in live.cells if not job.skip(cell.digest, start)]
        if cells:
            block = block or read_block(job.dataset, job.samples[start : start + job.block])
            yield run_condition(job, live, cells, start=start, block=block)


class Block:
    """A few originals, and what each geometry that comes before the codec makes of them."""

    def __init__(self, samples: Sequence[Sample], originals: Sequence[Original]) -> None:
        self.truths = [sample.truth for sample in samples]
        self._originals = originals
        self._seen: dict[int, list[Seen]] = {}

    def seen_by(self, geometry: Model | None) -> list[Seen]:
        """Return the images that a codec sees behind ``geometry``, None: whole."""
        if id(geometry) not in self._seen:
            self._seen[id(geometry)] = [
                Seen(geometry.geometry(original.image) if geometry else original.image, original)
                for original in self._originals
            ]
        return self._seen[id(geometry)]


def read_block(dataset: Dataset, samples: Sequence[Sample]) -> Block:
    """Decode the originals of a block. Raises DataError."""
    return Block(samples, read(dataset, samples))


def run_condition(
    job: Job, live: LiveCondition, cells: Sequence[LiveCell], *, start: int, block: Block
) -> BlockOutcome:
    """Take a block of originals through one condition and the given cells of it."""
    coded = attempt(lambda: coded_frames(live, block))
    if isinstance(coded, Failure):
        return BlockOutcome(live.digest, start, coded, {cell.digest: coded for cell in cells})
    frames = frames_of(coded)
    seen = {id(cell.restoration): cell.restoration for cell in cells}
    images = {key: attempt(lambda r=r: restored(r, frames)) for key, r in seen.items()}  # type: ignore[misc]
    outcomes = {}
    for cell in cells:
        given = images[id(cell.restoration)]
        outcomes[cell.digest] = (
            given
            if isinstance(given, Failure)
            else attempt(
                lambda c=cell, g=given: cell_outcomes(job, live, c, images=g, frames=frames, truths=block.truths)  # type: ignore[misc]
            )
        )
    return BlockOutcome(live.digest, start, image.frames_table([item.row for item in coded]), outcomes)


def coded_frames(live: LiveCondition, block: Block) -> list[Coded]:
    """Encode and decode originals as a condition says. Raises CodecError."""
    seen = block.seen_by(live.geometry)
    if live.condition.is_reference:
        return [as_original(each) for each in seen]
    target = 0.0 if live.condition.axis == "setting" else float(live.condition.value)
    return [code(each, encoder=live.encoder, settings=live.settings, target=target) for each in seen]


def rates_of_block(job: Job, live: LiveCondition, setting: Setting, start: int) -> list[float]:
    """Return the rate of each image of a block at one setting, in bits per pixel. Raises DataError or CodecError."""
    block = read_block(job.dataset, job.samples[start : start + job.block])
    return [seen.rate(live.encoder.encode(seen, setting)) for seen in block.seen_by(live.geometry)]


def cell_outcomes(
    job: Job,
    live: LiveCondition,
    cell: LiveCell,
    *,
    images: Sequence[Image],
    frames: Sequence[Frame],
    truths: Sequence[int],
) -> Table:
    """Return a cell's outcomes, one row a sample. Raises PredictionError for unusable predictions."""
    model = cell.predictor.model
    fit = list(images) if live.geometry else fitted(model, images)
    predictions = cell.predictor.predict(fit, [frame.info for frame in frames])
    job.metrics.check(predictions, expected=len(images), classes=len(job.dataset.classes))
    return job.metrics.outcomes(predictions, truths)


def attempt(work: Callable[[], Any]) -> Any:
    """Return what ``work`` returns, or a Failure that says what a plugin did wrong."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and only its own cells fail
        return Failure(reason_of(error))


def reason_of(error: BaseException, limit: int = 500) -> str:
    """Return an exception in one line of at most ``limit`` characters."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:limit]


def measures_of(
    condition: Condition, metrics: TaskMetrics, *, names: Sequence[str], frame_names: Sequence[str], tables: Tables
) -> tuple[Measure, ...]:
    """Return a cell's measures from its whole tables of outcomes and frames."""
    reported = image.reported(frame_names, reference=condition.is_reference)
    return (*metrics.measures(tables.outcomes, names), *image.measures(tables.frames, reported))
