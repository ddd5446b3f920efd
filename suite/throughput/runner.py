"""Time a protocol's entries and codecs on this host, and store what came out. `entries` times the former."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from suite.db.engine import open_for_writing
from suite.db.records import Throughput
from suite.db.store import Store
from suite.device import resolve
from suite.errors import NothingToMeasure
from suite.lineup import Absent, Choice, LiveTrack
from suite.pipeline import Failure, attempt
from suite.progress import Progress, Silent
from suite.runner import complete_lineup
from suite.spec import Condition, ProtocolSpec
from suite.stages.codec_stage import Original, read
from suite.stages.model_stage import prepare_worker
from suite.throughput.codecs import CODEC_IMAGES, cost_of, middle_conditions
from suite.throughput.entries import Field, time_entries
from suite.throughput.session import Session
from suite.throughput.timing import Pace, Stopwatch, synchroniser
from suite.throughput.training import time_training


@dataclass(frozen=True)
class Report:
    """What was done: the run's number, the status of each row, and what this machine lacks."""

    run: int
    statuses: tuple[str, ...]
    absent: tuple[Absent, ...]


def run(
    spec: ProtocolSpec,
    choice: Choice,
    *,
    name: str,
    database: Path,
    device: str = "auto",
    pace: Pace | None = None,
    stopwatch: Stopwatch | None = None,
    progress: Progress | None = None,
    command: Sequence[str] = (),
    training: bool = True,
) -> Report:
    """Time what takes part and store a row each. Raises a SuiteError for what concerns the whole run.

    ``name`` is what the user called the protocol. ``stopwatch``: the real clock, waiting for the device, unless given.
    ``training``: whether the training step of entries that offer one is timed too.
    """
    device, progress, pace = resolve(device), progress or Silent(), (pace or Pace()).checked()
    lineup = complete_lineup(spec, choice, progress)
    if not any(track.planned for track in lineup.tracks):
        raise NothingToMeasure(f"Nothing of {spec.label} can be timed here. {' '.join(map(str, lineup.absent))}")
    session = Session(
        spec,
        Store(open_for_writing(database), database),
        device=device,
        pace=pace,
        stopwatch=stopwatch or Stopwatch(synchronise=synchroniser(device)),
        progress=progress,
        hint=command_of(name, choice, device, database),
    )
    session.begin(command)
    for track in lineup.tracks:
        time_track(session, track, training=training)
    return Report(session.run, tuple(session.statuses), lineup.absent)


def command_of(name: str, choice: Choice, device: str, database: Path) -> str:
    """Return the command of the accuracy run that timings are checked against."""
    words = ["suite", "run", name]
    for option, values in (("--model", choice.models), ("--mitigation", choice.mitigations)):
        words += [word for value in values for word in (option, value)]
    return shlex.join([*words, "--device", device, "--database", str(database)])


def time_track(session: Session, track: LiveTrack, *, training: bool) -> None:
    """Time the entries of one track, then its codecs; ``training``: last the training of its entries."""
    cells = [cell for condition, cells in track.planned if condition.is_reference for cell in cells]
    codecs = middle_conditions(track)
    samples = track.samples[: max(session.batches)]
    originals = read(track.dataset.plugin, samples)
    session.progress.start(f"timing {track.spec.dataset.name}", len(cells) + len(codecs))
    field = Field(session, track, samples, originals)
    if cells:
        time_entries(field, cells)
    prepare_worker(1, tf32=session.spec.tf32)
    for condition in codecs:
        session.record(track, codec_row(session, track, condition, originals))
    if training:
        time_training(field, cells)


def codec_row(session: Session, track: LiveTrack, on: Condition, originals: Sequence[Original]) -> Throughput:
    """Time one codec, on the CPU in one thread of ours, and return its row."""
    alone = Stopwatch(clock=session.stopwatch.clock)
    found = attempt(lambda: cost_of(track, on, originals, session.pace, alone))
    settings = session.settings(device="cpu", threads=1, images=min(len(originals), CODEC_IMAGES))
    row = Throughput(work="codec", condition=on, status="failed", settings=settings)
    if isinstance(found, Failure):
        return replace(row, reason=found.reason)
    return replace(row, status="valid", measures=found)
