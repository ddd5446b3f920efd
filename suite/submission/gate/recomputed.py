"""Whether the rows of a version are what its protocol's plan asks for, with possible numbers in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from math import isclose, isfinite

from suite import protocols
from suite.metrics.image import PSNR_CAP_DB, RATE_METRICS, RATE_PERCENTILES, reported
from suite.spec import Cell, Measure, ProtocolSpec
from suite.submission.gate.problem import Problem
from suite.submission.gate.version import Version
from suite.submission.planned import cells_of, lacking, names_of, track_of
from suite.submission.records import RESULTS, Results, Row

MOST_REPORTED = 5
TOLERANCE = 1e-6
DIGEST = re.compile("sha256:[0-9a-f]{64}")
LONGEST_REASON = 500
UNBOUNDED = (*RATE_METRICS, *RATE_PERCENTILES)


def problems_of_plan(version: Version) -> Iterator[Problem]:
    """Yield where plugins, rows or measures are not those of the protocol. Only under a released protocol."""
    spec, where = protocols.load(version.results.protocol), f"{version.where}/{RESULTS}"
    wrong = lacking(spec, version.submission.task, version.results, retrains=version.manifest.retrains)
    if problems := [Problem(where, "plugins", f"{text}.") for text in wrong]:
        yield from problems
        return
    cells = {cell.digest: cell for cell in cells_of(spec, version.submission.task, version.results)}
    numbers = problems_of_numbers(spec, version, cells)
    for rule, messages in (
        ("plan", problems_of_rows(cells, version.results)),
        ("numbers", (f"{text}. Leave the file as suite submit wrote it." for text in numbers)),
    ):
        yield from (Problem(where, rule, message) for message in few(messages))


def few(messages: Iterator[str]) -> Iterator[str]:
    """Yield the first messages, and how many more there are."""
    yield from islice(messages, MOST_REPORTED)
    more = sum(1 for _ in messages)
    if more:
        yield f"… and {more} more of these."


def problems_of_rows(cells: dict[str, Cell], results: Results) -> Iterator[str]:
    """Yield the cells that are missing or there twice, and the rows that are foreign or misnamed."""
    counted = Counter(row.cell for row in results.rows)
    for digest, cell in cells.items():
        if counted[digest] != 1:
            yield f"Expected one row for {cell}, but got {counted[digest]}. Run suite submit again; it resumes."
    for row in results.rows:
        if row.cell not in cells:
            yield f"The cell {row.cell} ({row.model} at {row.setting}) is none of the plan. Remove it."
        elif row.condition != cells[row.cell].condition.digest:
            yield f"The condition of {cells[row.cell]} is not {row.condition}. Leave it as suite submit wrote it."
        elif any(getattr(row, name) != text for name, text in names_of(cells[row.cell]).items()):
            yield f"The row of {cells[row.cell]} calls its parts otherwise. Leave it as suite submit wrote it."


def problems_of_numbers(spec: ProtocolSpec, version: Version, cells: dict[str, Cell]) -> Iterator[str]:
    """Yield what is wrong with the numbers of the rows that the plan has."""
    tracks = {
        (data.dataset.name, data.split): track
        for data in version.results.data
        if (track := track_of(spec, version.submission.task, data))
    }
    known = [(cells[row.cell], row) for row in version.results.rows if row.cell in cells]
    for cell, row in known:
        fractions = tracks[cell.condition.dataset.name, cell.condition.split].metrics
        frames = reported(spec.frame_metrics, reference=cell.condition.is_reference)
        for text in problems_of_row(cell, row, fractions=fractions, frames=frames):
            yield f"{cell}: {text}"
    yield from problems_of_frames(spec, known)


def problems_of_row(cell: Cell, row: Row, *, fractions: tuple[str, ...], frames: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with the numbers of one row."""
    if row.samples != cell.condition.count:
        yield f"expected {cell.condition.count} samples, but got {row.samples}"
    if row.status == "failed":
        yield from problems_of_failure(cell, row)
        return
    if not DIGEST.fullmatch(row.outcomes):
        yield "'outcomes' is no digest"
    if tuple(measure.name for measure in row.measures) != (*fractions, *frames):
        yield f"expected the measures {', '.join((*fractions, *frames))}, in this order"
    for measure in row.measures:
        yield from problems_of_measure(measure, row, is_fraction=measure.name in fractions)


def problems_of_failure(cell: Cell, row: Row) -> Iterator[str]:
    """Yield what is wrong with a row that says why there are no numbers."""
    if row.measures or not 0 < len(row.reason) <= LONGEST_REASON:
        yield f"a failed row has a reason of at most {LONGEST_REASON} characters and no measures"
    if cell.condition.is_reference:
        yield "the originals failed, and without them no drop is known; repair that first"


def problems_of_measure(measure: Measure, row: Row, *, is_fraction: bool) -> Iterator[str]:
    """Yield why a measure is impossible."""
    bounds = [bound for bound in (measure.low, measure.high) if bound is not None]
    low, high = (0.0, 1.0) if is_fraction else range_of(measure.name)
    possible = (
        isfinite(number) and low - TOLERANCE <= number <= high + TOLERANCE for number in (measure.value, *bounds)
    )
    if not all(possible):
        yield f"{measure.name} is not between {low:g} and {high:g}"
    elif len(bounds) == 1 or (bounds and not bounds[0] - TOLERANCE <= measure.value <= bounds[1] + TOLERANCE):
        yield f"the interval of {measure.name} is not around its value"
    elif measure.name == "top1" and not is_count(measure.value * row.samples):
        yield f"top1 is no count of {row.samples} samples"


def is_count(hits: float) -> bool:
    """Whether a number of hits is a whole one."""
    return abs(hits - round(hits)) <= TOLERANCE * max(1.0, hits)


def range_of(frame_metric: str) -> tuple[float, float]:
    """Return what a metric of frames can be."""
    if frame_metric in UNBOUNDED:
        return (0.0, float("inf"))
    return (0.0, PSNR_CAP_DB) if frame_metric == "psnr_db" else (-1.0, 1.0)


def problems_of_frames(spec: ProtocolSpec, known: list[tuple[Cell, Row]]) -> Iterator[str]:
    """Yield the rows whose rate or fidelity differs from another row's of the same condition: they share the frames."""
    seen: dict[tuple[str, str], float] = {}
    for cell, row in known:
        for measure in row.measures:
            if measure.name in spec.frame_metrics:
                first = seen.setdefault((row.condition, measure.name), measure.value)
                if not isclose(first, measure.value, rel_tol=1e-9):
                    yield f"{cell}: {measure.name} is {measure.value}, but {first} in another row of its condition"
