"""Entries compared on the same samples: exact tests, intervals of differences, and how much a ranking says.

Intervals of one entry are in `stats`. Samples lie along the last axis; resamples are drawn once for all entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from suite.metrics.resampling import (
    RESAMPLES,
    SAME_DIGITS,
    SEED,
    SetStatistic,
    centred,
    computed,
    counts_of,
    middle,
    resampled,
)
from suite.metrics.stats import Interval, Numbers, quantile

Statistic: TypeAlias = Callable[[Numbers], Numbers]
"""What is computed of samples, shape (..., n) to (...)."""

BISECTIONS = 60
"""Halvings of an interval in [-1, 1]: as many as a float64 can tell apart."""


@dataclass(frozen=True)
class McNemar:
    """How many samples only the first, and only the second, has right; and how likely that is if both are as good."""

    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True)
class Difference:
    """First minus second, the ends of its interval, and how likely one as large is if there is none."""

    value: float
    low: float
    high: float
    p_value: float


def mcnemar_exact(first: ArrayLike, second: ArrayLike) -> McNemar:
    """Return the exact, two-sided McNemar test of what two entries have right, booleans of shape (n,).

    McNemar (Psychometrika 12:153, 1947), conditional on the discordant samples. Raises ValueError on other shapes.
    """
    from scipy.stats import binomtest

    right_first, right_second = _paired(first, second, kind=np.bool_)
    only_first = int(np.sum(right_first & ~right_second))
    only_second = int(np.sum(~right_first & right_second))
    discordant = only_first + only_second
    p_value = binomtest(only_first, discordant).pvalue if discordant else 1.0
    return McNemar(only_first, only_second, float(p_value))


def tango(only_first: int, only_second: int, n: int, level: float = 0.95) -> Interval:
    """Return the score interval of the difference of two paired proportions, first minus second, in [-1, 1].

    Tango (Statistics in Medicine 17:891, 1998). It depends on the discordant samples and on n only, as McNemar's test
    does, and has an extent where there are none. Raises ValueError on impossible counts or levels.
    """
    if min(only_first, only_second) < 0 or only_first + only_second > n or not n or not 0 < level < 1:
        got = f"{only_first}, {only_second}, {n} and {level}"
        raise ValueError(f"Expected counts of at most n > 0 samples and 0 < level < 1, but got {got}.")
    z = quantile(level)
    return Interval(_tango_low(only_first, only_second, n, z=z), -_tango_low(only_second, only_first, n, z=z))


def paired_bootstrap(
    first: ArrayLike,
    second: ArrayLike,
    statistic: Statistic | None = None,
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Difference:
    """Return the difference of a statistic of two entries' values on the same samples, shape (n,).

    ``statistic`` takes (..., n) to (...), the mean where not given. ``strata``, shape (n,), keeps the number of samples
    of each stratum. Percentile interval; the p-value is that of the widest one without 0 (Efron and Tibshirani 1993,
    chapters 13 and 15), at least 2 / (resamples + 1). Raises ValueError on other shapes.
    """
    compute = statistic or mean_of_samples
    values = _paired(first, second, kind=np.float64)
    rows = [
        compute(values[0][drawn]) - compute(values[1][drawn])
        for drawn in resampled(values[0].size, strata=strata, resamples=resamples, seed=seed)
    ]
    return _difference(float(compute(values[0]) - compute(values[1])), np.concatenate(rows), level)


def paired_set_bootstrap(
    first: SetStatistic,
    second: SetStatistic,
    *,
    n: int,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Difference:
    """Return the difference of two entries' statistics of one set of n images, such as a mean IoU.

    Each takes how often each image is drawn, as for `suite.metrics.stats.bootstrap_interval`, and both get the same
    resamples. The differences are moved to have the measured one as their mean, as there; all else is as in
    `paired_bootstrap`. Raises ValueError on other shapes and where a statistic has no value.
    """
    rows = []
    for drawn in resampled(n, strata=strata, resamples=resamples, seed=seed):
        counts = counts_of(drawn)
        rows.append(computed(first, counts) - computed(second, counts))
    itself = np.ones((1, n))
    measured = float((computed(first, itself) - computed(second, itself))[0])
    return _difference(measured, centred(np.concatenate(rows), measured), level)


def mean_of_samples(values: Numbers) -> Numbers:
    """Return the mean over the last axis."""
    return np.asarray(np.mean(values, axis=-1), np.float64)


def holm(p_values: ArrayLike) -> Numbers:
    """Return p-values, shape (tests,), corrected so that the chance of any false finding among them is kept.

    Holm (Scandinavian Journal of Statistics 6:65, 1979); in the order given. Raises ValueError on what is no p-value.
    """
    found = np.asarray(p_values, float)
    if found.ndim != 1 or not ((found >= 0) & (found <= 1)).all():
        raise ValueError(f"Expected p-values in [0, 1], shape (tests,), but got {found}.")
    order = np.argsort(found, kind="stable")
    corrected = np.empty_like(found)
    corrected[order] = np.minimum(1, np.maximum.accumulate(found[order] * np.arange(found.size, 0, -1)))
    return corrected


def minimum_detectable_effect(
    n: int, discordant_rate: float, *, power: float = 0.8, level: float = 0.95
) -> float | None:
    """Return the least difference of two accuracies on n samples that McNemar's test finds with that power, a fraction.

    ``discordant_rate`` is the fraction of samples that just one of the two has right; None where even all of them on
    one side would not do. Normal approximation, solved for the difference (Connor, Biometrics 43:207, 1987). Raises
    ValueError on impossible numbers.
    """
    if n < 1 or not 0 <= discordant_rate <= 1 or not (0 < power < 1 and 0 < level < 1):
        got = f"{n}, {discordant_rate}, {power} and {level}"
        raise ValueError(f"Expected n > 0, a rate in [0, 1], power and level in (0, 1), but got {got}.")
    test, found = quantile(level), NormalDist().inv_cdf(power)
    under_root = n + found**2 - test**2
    if under_root < 0:
        return None
    effect = sqrt(discordant_rate) * (test * sqrt(n) + found * sqrt(under_root)) / (n + found**2)
    return effect if 0 < effect <= discordant_rate else None


def tie_groups(differs: ArrayLike) -> tuple[int, ...]:
    """Return each entry's group, counted from 1: entries of different groups differ, all of one from all of the other.

    ``differs`` says of each pair of entries, best first, whether they do; symmetric, shape (entries, entries). Within a
    group some may still differ: groups are the clusters of Koehn (IWSLT 2012), the finest such cut of the ranking.
    Raises ValueError on other shapes.
    """
    matrix = np.asarray(differs, bool)
    if matrix.ndim != 2 or not np.array_equal(matrix, matrix.T):
        raise ValueError(f"Expected a symmetric matrix of what differs, but got shape {matrix.shape}.")
    cuts = [bool(matrix[:place, place:].all()) for place in range(1, len(matrix))]
    return tuple((1 + np.cumsum([0, *cuts])).tolist()) if len(matrix) else ()


def told_apart(
    values: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> NDArray[np.bool_]:
    """Return which entries' means differ, symmetric, shape (entries, entries), for `tie_groups`.

    ``values``, shape (entries, n), on the samples that all share. Each pair is tested as by `paired_bootstrap`, on the
    same resamples, and the p-values are corrected by `holm`: with fewer than 40 ``resamples`` a pair nothing can
    differ. Raises ValueError on other shapes.
    """
    table = np.asarray(values, float)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"Expected values of shape (entries, n), but got {table.shape}.")
    first, second = np.triu_indices(len(table), k=1)
    below = above = np.zeros(first.size, np.intp)
    for drawn in resampled(table.shape[1], strata=strata, resamples=resamples, seed=seed):
        means = counts_of(drawn) @ table.T / table.shape[1]
        differences = np.round(means[:, first] - means[:, second], SAME_DIGITS)
        below, above = below + np.sum(differences <= 0, axis=0), above + np.sum(differences >= 0, axis=0)
    p_values = np.minimum(1, 2 * (np.minimum(below, above) + 1) / (resamples + 1))
    differs = np.zeros((len(table), len(table)), bool)
    differs[first, second] = differs[second, first] = holm(p_values) < 1 - level
    return differs


def rank_intervals(
    values: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[tuple[int, int], ...]:
    """Return the best and the worst rank of each entry over resamples of the samples that all entries share.

    ``values``, shape (entries, n), are what the ranking takes the mean of, such as each sample's mean drop; the least
    mean has rank 1, and equal means share it. The middle ``level`` of the ranks: between close entries they cover less
    than that (Hall and Miller, Annals of Statistics 37:3929, 2009). Raises ValueError on other shapes.
    """
    table = np.asarray(values, float)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"Expected values of shape (entries, n), but got {table.shape}.")
    drawn = resampled(table.shape[1], strata=strata, resamples=resamples, seed=seed)
    ranks = np.concatenate([_ranks(counts_of(indices) @ table.T / table.shape[1]) for indices in drawn])
    ends = np.quantile(ranks, [(1 - level) / 2, (1 + level) / 2], axis=0, method="inverted_cdf")
    return tuple((int(low), int(high)) for low, high in ends.T)


def _difference(measured: float, drawn: Numbers, level: float) -> Difference:
    """Return what resampled differences, shape (resamples,), say of the measured one."""
    differences = np.round(drawn, SAME_DIGITS)
    low, high = middle(differences, level)
    least = min(int(np.sum(differences <= 0)), int(np.sum(differences >= 0)))
    return Difference(measured, low, high, min(1.0, 2 * (least + 1) / (drawn.size + 1)))


def _tango_low(only_first: int, only_second: int, n: int, *, z: float) -> float:
    """Return the lower end of Tango's interval: below it every difference is rejected by his score test."""
    low, high = -1.0, (only_first - only_second) / n
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        excess = only_first - only_second - n * middle
        rejected = excess > z * sqrt(n * _tango_variance(only_first, only_second, n, difference=middle))
        low, high = (middle, high) if rejected else (low, middle)
    return (low + high) / 2


def _tango_variance(only_first: int, only_second: int, n: int, *, difference: float) -> float:
    """Return the variance of one sample's difference where the likeliest proportions with that difference hold."""
    linear = (2 * n - only_first + only_second) * difference - only_first - only_second
    constant = -only_second * difference * (1 - difference)
    proportion = (sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
    return max(0.0, 2 * proportion + difference * (1 - difference))


def _ranks(means: Numbers) -> NDArray[np.intp]:
    """Return the ranks in each row, the least first: 1 + how many entries have less. Shape (resamples, entries)."""
    kept = np.round(means, SAME_DIGITS)
    return np.asarray(1 + np.sum(kept[:, None, :] < kept[:, :, None], axis=-1), np.intp)


def _paired(first: ArrayLike, second: ArrayLike, *, kind: type[Any]) -> Sequence[NDArray[Any]]:
    found = [np.asarray(values, kind) for values in (first, second)]
    if found[0].ndim != 1 or found[0].shape != found[1].shape or not found[0].size:
        shapes = " and ".join(str(values.shape) for values in found)
        raise ValueError(f"Expected two entries' values on the same samples, shape (n,), n > 0, but got {shapes}.")
    return found
