"""A live plugin under a protocol: what takes part, the run, and its rows with those of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from suite import runner
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.db.records import StoredResult
from suite.errors import IncompleteSubmission, UsageError
from suite.isolation.guest_codec import GuestCodec
from suite.lineup import Choice, LiveTrack, line_up
from suite.progress import Progress
from suite.runner import Report, cells_of
from suite.spec import ORIGINAL, ProtocolSpec, Result
from suite.submission.guests import Visitor
from suite.submission.planned import parts_of, row_of, served
from suite.submission.records import SCHEMA, Results


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to measure a plugin on: a protocol, a registered dataset in place of its own, how many leading samples."""

    spec: ProtocolSpec
    database: Path
    dataset: str | None = None
    limit: int | None = None
    device: str = "cpu"
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Measured:
    """The rows of a plugin and its reference, and the stored results that they come from, in the plan's order."""

    results: Results
    stored: tuple[StoredResult, ...]

    @property
    def task(self) -> str:
        """What its tracks are about; metadata of a codec do not say."""
        return self.stored[0].result.cell.condition.task.value


def choice_for(visitor: Visitor, order: Order) -> Choice:
    """Return who takes part: a model beside the protocol's first baseline, or a mitigation beside none.

    A restoration serves all baselines, a retraining those that it is for. Raises UsageError if there are none. A codec
    is measured under the first baseline, beside the protocol's first codec.
    """
    if visitor.manifest.kind == "codec":
        return choice_for_codec(visitor, order)
    baselines = dict.fromkeys(name for track in order.spec.tracks for name in track.baselines)
    is_model = visitor.manifest.kind == "model"
    others = [name.name for name in (baselines if is_model else served(baselines, visitor.manifest.retrains))]
    if not others:
        raise UsageError(
            f"{visitor.manifest.name} retrains {', '.join(visitor.manifest.retrains)}, none of which is a baseline of "
            f"{order.spec.label}: it has {', '.join(name.name for name in baselines)}. Choose another with --protocol."
        )
    return Choice(
        models=(visitor.manifest.name, *others[:1]) if is_model else tuple(others),
        mitigations=() if is_model else (visitor.manifest.name,),
        dataset=order.dataset,
        limit=order.limit,
        guests=(visitor.loaded,),
    )


def choice_for_codec(visitor: Visitor, order: Order) -> Choice:
    """Return who takes part beside a codec: the protocol's first codec, its first baseline, no mitigation."""
    return Choice(
        models=tuple(dict.fromkeys(track.baselines[0].name for track in order.spec.tracks)),
        mitigations=(ORIGINAL,),
        codecs=(order.spec.codecs[0].label, visitor.manifest.name),
        dataset=order.dataset,
        limit=order.limit,
        guests=(visitor.loaded,),
    )


def measured(visitor: Visitor, order: Order, progress: Progress) -> Measured:
    """Run what is not measured yet and return all of it. Raises IncompleteSubmission, and what a run raises."""
    choice = choice_for(visitor, order)
    report = runner.run(
        order.spec,
        choice,
        database=order.database,
        device=order.device,
        progress=progress,
        command=order.command,
    )
    tracks = line_up(order.spec, choice).tracks
    stored = newest(tracks, report, order)
    check_whole(tracks, report, stored)
    return Measured(results_of(visitor, order, stored), stored)


def newest(tracks: Iterable[LiveTrack], report: Report, order: Order) -> tuple[StoredResult, ...]:
    """Return the newest result of each cell that was measured in this environment, in the plan's order."""
    planned = [cell.digest for track in tracks for cell in cells_of(track.planned)]
    models = {cell.model.name for track in tracks for cell in cells_of(track.planned)}
    engine = open_for_reading(order.database)
    found: dict[str, StoredResult] = {}
    for model in sorted(models):
        for each in reversed(queries.results(engine, order.spec.digest, model=model)):
            if each.environment == report.environment:
                found[each.result.cell.digest] = each
    return tuple(found[digest] for digest in planned if digest in found)


def check_whole(tracks: Iterable[LiveTrack], report: Report, stored: Sequence[StoredResult]) -> None:
    """Raise IncompleteSubmission where a cell failed, or something of the protocol is missing here."""
    failed = [each for each in stored if each.result.status == "failed"]
    cells = [cell for track in tracks for cell in cells_of(track.planned)]
    if failed:
        raise IncompleteSubmission(
            f"{len(failed)} of {len(cells)} cells failed, the first with: {failed[0].result.reason} "
            "Nothing was written. Mend the plugin, raise its version, and submit it again."
        )
    if report.absent or len(stored) < len(cells):
        missing = "; ".join(map(str, report.absent[:3])) or f"{len(cells) - len(stored)} cells"
        raise IncompleteSubmission(f"This machine cannot measure all that the protocol asks for: {missing}")


def results_of(visitor: Visitor, order: Order, stored: Sequence[StoredResult]) -> Results:
    """Return what `results.json` holds."""
    parts = parts_of((each.result.cell for each in stored), visitor.loaded.ref)
    details = queries.environments(open_for_reading(order.database), {each.environment for each in stored})
    return Results(
        schema=SCHEMA,
        protocol=order.spec.label,
        protocol_digest=order.spec.digest,
        limit=next((each.result.cell.condition.limit for each in stored), None),
        plugin=visitor.loaded.ref,
        environment=next(iter(details.values())),
        packages=visitor.packages,
        isolation=visitor.isolation,
        data=parts.data,
        plugins=parts.plugins,
        rows=tuple(row_of(in_order(each.result, order.spec)) for each in stored),
        searched=searched_by(visitor),
    )


def searched_by(visitor: Visitor) -> str:
    """Return the parameter of a submitted codec; empty for other kinds."""
    plugin = visitor.plugin
    return plugin.settings()[0].parameter if isinstance(plugin, GuestCodec) else ""


def in_order(result: Result, spec: ProtocolSpec) -> Result:
    """Return a result with its measures in the protocol's order: the database keeps them by name."""
    names = [name for track in spec.tracks for name in track.metrics] + list(spec.frame_metrics)
    return msgspec.structs.replace(result, measures=tuple(sorted(result.measures, key=lambda m: names.index(m.name))))
