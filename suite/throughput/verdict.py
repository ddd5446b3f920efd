"""Do the timed calls answer as the accuracy run did? A fast network that answers something else is no measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from suite.api import Sample
from suite.db import outcomes, queries
from suite.db.queries import StoredResult
from suite.db.records import Verdict
from suite.errors import DamagedOutcomes
from suite.lineup import LiveTrack
from suite.metrics import metrics_of
from suite.spec import Cell, Condition
from suite.throughput.entry import Answered, Bench
from suite.throughput.session import Session

if TYPE_CHECKING:
    import pyarrow as pa


class Judgement(NamedTuple):
    """Whether a timing counts, and why not where it does not."""

    status: Verdict
    reason: str


def judged(session: Session, track: LiveTrack, cell: Cell, bench: Bench, samples: Sequence[Sample]) -> Judgement:
    """Compare what the timed calls answered with the newest accuracy run of the same entry on this environment.

    Raises PredictionError for answers that are unusable.
    """
    timed = [(batch.numbers, timed_outcomes(track, batch, samples)) for batch in bench.answered()]
    run = accuracy_run(session, cell)
    if run is None:
        return Judgement("unverified", f"no accuracy run of it here yet: {session.hint}")
    try:
        expected = outcomes.read(session.store.outcomes, run.result.outcomes)
    except DamagedOutcomes as error:
        return Judgement("unverified", str(error))
    known = {number for numbers, _ in timed for number in numbers if number < expected.num_rows}
    wrong = {number for numbers, table in timed for number in differing(numbers, table, expected)}
    if not wrong:
        return Judgement("valid", "")
    first = samples[min(wrong)].id
    what = f"{len(wrong)} of {len(known)} images get another answer than in result {run.id}, the first {first}"
    return Judgement("invalid", what)


def timed_outcomes(track: LiveTrack, batch: Answered, samples: Sequence[Sample]) -> pa.Table:
    """Return the outcomes of one batch. Raises PredictionError."""
    metrics = metrics_of(track.spec.task)
    metrics.check(batch.answers, expected=len(batch.numbers), classes=len(track.dataset.plugin.classes))
    return metrics.outcomes(batch.answers, [samples[number].truth for number in batch.numbers])


def accuracy_run(session: Session, cell: Cell) -> StoredResult | None:
    """Return the newest result that counts of an entry on the originals here; a trial on the first samples will do."""
    found = queries.results(session.store.engine, session.spec.digest, model=cell.model.name, status="ok")
    wanted = (cell.model, cell.mitigation, whole(cell.condition), session.environment)
    for stored in found:
        measured = stored.result.cell
        if stored.counts and wanted == (
            measured.model,
            measured.mitigation,
            whole(measured.condition),
            stored.environment,
        ):
            return stored
    return None


def whole(condition: Condition) -> Condition:
    """Return a condition without its limit."""
    return msgspec.structs.replace(condition, limit=None)


def differing(numbers: Sequence[int], timed: pa.Table, expected: pa.Table) -> list[int]:
    """Return the images whose answers differ: in every column but those of floats, whose last digits a batch moves."""
    import pyarrow as pa

    places = [place for place, number in enumerate(numbers) if number < expected.num_rows]
    exact = [
        field.name for field in timed.schema if not (pa.types.is_floating(field.type) or pa.types.is_list(field.type))
    ]
    ours = timed.select(exact).take(places).to_pylist()
    theirs = expected.select(exact).take([numbers[place] for place in places]).to_pylist()
    return [numbers[place] for place, own, other in zip(places, ours, theirs, strict=True) if own != other]
