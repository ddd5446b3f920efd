"""Samples that one entry gets right and the other wrong, from the stored per-sample outcomes of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sqlalchemy import Engine

from suite.db import queries
from suite.errors import StorageError
from suite.report.board.columns import Columns
from suite.spec import Condition

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 12


class Disagreement(NamedTuple):
    """A sample by its place in the dataset, its truth, and what both entries take it for: numbers of classes."""

    place: int
    truth: int
    first: int
    second: int


@dataclass(frozen=True, kw_only=True)
class Disagreements:
    """The samples of a condition that only one of two entries gets right, the first `MOST` of each, and how many."""

    condition: Condition
    samples: int
    only_first: tuple[Disagreement, ...]
    only_second: tuple[Disagreement, ...]
    counts: tuple[int, int]


def disagreements(engine: Engine, results: tuple[int, int]) -> Disagreements:
    """Return where two results of one condition disagree; they are in the order of the dataset's samples.

    Raises UsageError for a result that there is not, StorageError for one without outcomes, DamagedOutcomes.
    """
    tables = queries.outcomes(engine, results)
    lacking = [number for number in results if number not in tables]
    if lacking:
        raise StorageError(f"Result {lacking[0]} has no per-sample outcomes. Measure it again with: suite run")
    first, second = (tables[number] for number in results)
    right, other = (table["correct"].to_numpy() for table in (first, second))
    places = np.flatnonzero(right & ~other), np.flatnonzero(other & ~right)
    return Disagreements(
        condition=queries.result(engine, results[0]).stored.result.cell.condition,
        samples=first.num_rows,
        only_first=rows_at(places[0][:MOST].tolist(), first, second),
        only_second=rows_at(places[1][:MOST].tolist(), first, second),
        counts=(len(places[0]), len(places[1])),
    )


def rows_at(places: Sequence[int], first: pa.Table, second: pa.Table) -> tuple[Disagreement, ...]:
    """Return the samples at some places of two tables."""
    return tuple(
        Disagreement(
            place,
            first["truth"][place].as_py(),
            first["predicted"][place].as_py(),
            second["predicted"][place].as_py(),
        )
        for place in places
    )


def class_name(number: int, classes: Sequence[str]) -> str:
    """Return a class's name, its number where nobody says it."""
    return classes[number] if 0 <= number < len(classes) else f"class {number}"


def disagreement_columns(rows: Sequence[Disagreement], names: tuple[str, str], classes: Sequence[str]) -> Columns:
    """Return samples as a table: their places from 0, truths and answers."""
    return {
        "sample": [row.place for row in rows],
        "truth": [class_name(row.truth, classes) for row in rows],
        names[0]: [class_name(row.first, classes) for row in rows],
        names[1]: [class_name(row.second, classes) for row in rows],
    }
