"""Which ranked entries can be told apart: a rank that is noise is shown as noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine

from suite.db import queries
from suite.db.queries import RankingRow
from suite.metrics import comparison
from suite.metrics.resampling import RESAMPLES
from suite.metrics.stats import Numbers
from suite.report.comparison import METRICS
from suite.report.tables import Standing

MOST_ENTRIES = 30
"""Beyond so many in one table, the pairs would take many seconds: the best of them are looked at."""
RESAMPLES_A_PAIR = 100


def standings_of(engine: Engine, ranked: Iterable[RankingRow]) -> dict[int, Standing]:
    """Return what is known of ranked rows by their ``result_id``, from the stored outcomes, table by table.

    Rows stored without outcomes, and tables of one row, say nothing. Raises DamagedOutcomes.
    """
    tables: dict[tuple[Any, ...], list[RankingRow]] = defaultdict(list)
    for row in ranked:
        tables[row.task, row.dataset, row.split, row.samples, row.metric].append(row)
    found: dict[int, Standing] = {}
    for rows in tables.values():
        found |= standings_in(engine, rows[:MOST_ENTRIES])
    return found


def standings_in(engine: Engine, rows: Sequence[RankingRow]) -> dict[int, Standing]:
    """Return what is known of the rows of one table, best first."""
    outcomes = queries.outcomes(engine, [number for row in rows for number in numbers_of(row)])
    rows = [row for row in rows if all(number in outcomes for number in numbers_of(row)) and row.task in METRICS]
    if len(rows) < 2:
        return {}
    module, metric = METRICS[rows[0].task], rows[0].metric
    truths = [outcomes[numbers_of(row)[0]]["truth"] for row in rows]
    if not all(truth.equals(truths[0]) for truth in truths):
        return {}
    strata = truths[0].to_numpy() if metric in module.STRATIFIED else None
    values = np.array([mean_drops(row, outcomes, metric) for row in rows])
    resamples = max(RESAMPLES, RESAMPLES_A_PAIR * len(rows) * (len(rows) - 1) // 2)
    groups = comparison.tie_groups(comparison.told_apart(values, strata=strata, resamples=resamples))
    intervals = comparison.rank_intervals(values, strata=strata)
    return {
        row.result_id: Standing(group, best, worst)
        for row, group, (best, worst) in zip(rows, groups, intervals, strict=True)
    }


def numbers_of(row: RankingRow) -> list[int]:
    """Return the numbers of an entry's results, the original's first."""
    return [*([] if row.reference_id is None else [row.reference_id]), *(drop.result_id for drop in row.drops)]


def mean_drops(row: RankingRow, outcomes: Mapping[int, pa.Table], metric: str) -> Numbers:
    """Return what each sample adds to an entry's mean drop, shape (n,)."""
    contributions = METRICS[row.task].contributions
    original, *compressed = (contributions(outcomes[number], metric) for number in numbers_of(row))
    return np.asarray(original - np.mean(compressed, axis=0), np.float64)
