"""Two entries side by side on the same samples: what tells them apart, condition by condition and on the mean.

The tests and intervals are those of `suite.metrics.comparison`, computed from the stored per-sample outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from suite.api import Task
from suite.db import queries
from suite.db.queries import Pair
from suite.errors import UsageError, nearest
from suite.metrics import classification, comparison
from suite.metrics.comparison import Difference, McNemar
from suite.metrics.resampling import RESAMPLES
from suite.metrics.stats import Numbers
from suite.report.tables import NOTHING, TextTable, percent, points
from suite.spec import Measure, PluginRef

METRICS: dict[Task, ModuleType] = {Task.CLASSIFICATION: classification}
"""The metrics of the tasks whose outcomes say of each sample whether it is right."""

POWER = 0.8


class Samples(NamedTuple):
    """One condition sample by sample: whether each entry is right, what it adds to the metric, and its stratum."""

    pair: Pair
    right: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    values: tuple[Numbers, Numbers]
    strata: NDArray[np.int32] | None


@dataclass(frozen=True, kw_only=True)
class ConditionComparison:
    """One condition. ``difference`` is first minus second, a fraction; ``discordant`` counts samples.

    ``corrected_p_value`` is Holm's over the rows of its table; ``results`` are the numbers of both results.
    """

    condition: str
    results: tuple[int, int]
    first: float
    second: float
    difference: Difference
    discordant: McNemar
    corrected_p_value: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two entries on one track and machine. Differences are first minus second, fractions.

    ``mean`` is over the compressed conditions that both have, ``mean_drop`` (negative: the first loses less) what a
    ranking goes by; None where they lack those, or the originals. ``detectable`` is the least difference under one
    condition that the test finds with a power of 80 % at the mean discordant rate, None where it finds none.
    """

    first: str
    second: str
    task: Task
    dataset: PluginRef
    split: str
    metric: str
    environment: str
    conformant: bool
    samples: int
    limit: int | None
    conditions: tuple[ConditionComparison, ...]
    compressed: int
    mean: Difference | None
    mean_drop: Difference | None
    discordant_rate: float
    detectable: float | None


def compare(
    engine: Engine,
    protocol_digest: str,
    first: str,
    second: str,
    *,
    task: str | None = None,
    environment: str | None = None,
    metric: str | None = None,
) -> tuple[Comparison, ...]:
    """Compare two entries of one protocol, a comparison for each track that both were measured on.

    Names and machine are as for `queries.pairs`; ``metric`` is the ranking's where not given. Raises UsageError for
    what cannot be compared, DataError or StorageError where the stored outcomes do not allow it.
    """
    pairs = queries.pairs(engine, protocol_digest, first, second, task=task, environment_digest=environment)
    tracks: dict[tuple[object, ...], list[Pair]] = {}
    for pair in pairs:
        on = pair.condition
        tracks.setdefault((on.task, on.dataset, on.split, on.manifest, on.samples, on.limit), []).append(pair)
    return tuple(compared(engine, of_track, (first, second), metric=metric) for of_track in tracks.values())


def compared(engine: Engine, pairs: Sequence[Pair], names: tuple[str, str], *, metric: str | None) -> Comparison:
    """Compare two entries on one track; a result that both share, such as the original's, is no row."""
    of, on = pairs[0], pairs[0].condition
    name = known_metric(metric or of.metric, on.task)
    every = [samples_of(engine, pair, name) for pair in pairs]
    compressed = [each for each in every if not each.pair.condition.is_reference]
    originals = [each for each in every if each.pair.condition.is_reference]
    rows = rows_of([each for each in every if each.pair.first.id != each.pair.second.id] or every)
    rate = float(np.mean([(row.discordant.only_first + row.discordant.only_second) / on.count for row in rows]))
    return Comparison(
        first=names[0],
        second=names[1],
        task=on.task,
        dataset=on.dataset,
        split=on.split,
        metric=name,
        environment=of.first.environment,
        conformant=all(each.result.conformant for pair in pairs for each in (pair.first, pair.second)),
        samples=on.samples,
        limit=on.limit,
        conditions=rows,
        compressed=len(compressed),
        mean=mean_difference(compressed, []) if compressed else None,
        mean_drop=mean_difference(compressed, originals) if compressed and originals else None,
        discordant_rate=rate,
        detectable=comparison.minimum_detectable_effect(on.count, rate, power=POWER),
    )


def known_metric(name: str, task: Task) -> str:
    """Return the metric's name if samples can be compared by it. Raises UsageError."""
    known = METRICS[task].METRICS if task in METRICS else {}
    if name not in known:
        there = f"There are: {', '.join(known)}. {nearest(name, known)}" if known else ""
        raise UsageError(f"Entries of {task} cannot be compared by '{name[:200]}'. {there}".rstrip())
    return name


def samples_of(engine: Engine, pair: Pair, metric: str) -> Samples:
    """Return what the stored outcomes say of each sample."""
    module = METRICS[pair.condition.task]
    first, second = queries.paired_outcomes(engine, pair)
    return Samples(
        pair=pair,
        right=(first["correct"].to_numpy(), second["correct"].to_numpy()),
        values=(module.contributions(first, metric), module.contributions(second, metric)),
        strata=first["truth"].to_numpy() if metric in module.STRATIFIED else None,
    )


def rows_of(every: Sequence[Samples]) -> tuple[ConditionComparison, ...]:
    """Return the conditions compared, their p-values corrected for how many they are."""
    differences = [difference_of(each) for each in every]
    corrected = comparison.holm([difference.p_value for difference in differences])
    return tuple(
        ConditionComparison(
            condition=str(each.pair.condition),
            results=(each.pair.first.id, each.pair.second.id),
            first=float(np.mean(each.values[0])),
            second=float(np.mean(each.values[1])),
            difference=difference,
            discordant=comparison.mcnemar_exact(*each.right),
            corrected_p_value=float(p_value),
        )
        for each, difference, p_value in zip(every, differences, corrected, strict=True)
    )


def difference_of(samples: Samples) -> Difference:
    """Return the difference under one condition: of accuracies McNemar's and Tango's, of other metrics a bootstrap."""
    if samples.strata is not None:
        return comparison.paired_bootstrap(*samples.values, strata=samples.strata)
    found, n = comparison.mcnemar_exact(*samples.right), len(samples.right[0])
    low, high = comparison.tango(found.only_first, found.only_second, n)
    return Difference((found.only_first - found.only_second) / n, low, high, found.p_value)


def mean_difference(compressed: Sequence[Samples], originals: Sequence[Samples]) -> Difference:
    """Return the difference of the means over conditions, or given the originals of the mean drops."""
    first, second = (np.mean([each.values[place] for each in compressed], axis=0) for place in (0, 1))
    if originals:
        first, second = (originals[0].values[0] - first), (originals[0].values[1] - second)
    return comparison.paired_bootstrap(first, second, strata=compressed[0].strata)


def tables_of(label: str, comparisons: Iterable[Comparison]) -> list[TextTable]:
    """Return comparisons as text: fractions in percent, differences in percentage points."""
    return [text_table(label, each) for each in comparisons]


def text_table(label: str, found: Comparison) -> TextTable:
    """Return one track's conditions, its notes saying what holds on the mean and what the numbers are."""
    columns = (
        *("condition", f"{found.first} %", f"{found.second} %", "difference, points [95 %]"),
        *("right: only the first", "only the second", "p", "p, Holm"),
    )
    title = f"{label}: {found.metric}, {found.first} against {found.second} on {found.dataset.name}"
    rows = tuple(text_row(row, found.metric) for row in found.conditions)
    return TextTable(title, columns, rows, (*findings(found), *explanations(found)))


def text_row(row: ConditionComparison, metric: str) -> tuple[str, ...]:
    """Return a condition as a row."""
    return (
        row.condition,
        percent(Measure(name=metric, value=row.first)),
        percent(Measure(name=metric, value=row.second)),
        with_interval(row.difference),
        str(row.discordant.only_first),
        str(row.discordant.only_second),
        p_value(row.difference.p_value),
        p_value(row.corrected_p_value),
    )


def findings(found: Comparison) -> list[str]:
    """Return what holds on the mean over conditions, and what could have been found."""
    conditions = f"{found.compressed} compressed conditions" if found.compressed > 1 else "1 compressed condition"
    mean_drop = f"mean drop, by which entries rank (negative: {found.first} loses less)"
    means = ((f"mean {found.metric} over {conditions}", found.mean), (mean_drop, found.mean_drop))
    return [
        *(
            f"{what}: {with_interval(mean)} points, p {p_value(mean.p_value)} (paired bootstrap over images)"
            for what, mean in means
            if mean is not None
        ),
        detectable(found),
    ]


def detectable(found: Comparison) -> str:
    """Return what difference under one condition the samples are enough for."""
    count = found.samples if found.limit is None else found.limit
    known = f"{count:,} images, of which the two differ on {100 * found.discordant_rate:.1f} %"
    if found.detectable is None:
        return f"{known}: too few to find any difference under one condition"
    least = f"{100 * found.detectable:.2f} points of accuracy"
    return f"{known}: {least} under one condition are found with {100 * POWER:.0f} % power (before Holm's correction)"


def explanations(found: Comparison) -> list[str]:
    """Return what the columns are, and why not to rely on them."""
    stratified = found.metric in METRICS[found.task].STRATIFIED
    accuracy = "McNemar's exact test; intervals: Tango's score interval of paired proportions"
    bootstrap = f"paired bootstrap within classes, {RESAMPLES:,} resamples, with its percentile interval"
    return [
        f"p: {bootstrap if stratified else accuracy}; p, Holm: corrected for the {len(found.conditions)} rows",
        *[f"trial on {found.limit} of {found.samples} samples"] * (found.limit is not None),
        *["this machine's codecs do not conform"] * (not found.conformant),
    ]


def with_interval(found: Difference) -> str:
    """Return a difference in percentage points with its interval."""
    return f"{points(found.value)} [{points(found.low)}, {points(found.high)}]"


def p_value(value: float | None) -> str:
    """Return a p-value as text."""
    return NOTHING if value is None else f"{value:.2g}"
