"""Bootstrap samples of a set of images, drawn once for everything that is computed of them; the same every time.

`stats` and `comparison` use them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts: TypeAlias = NDArray[np.float64]
"""How often each image is in each resample: whole numbers, shape (resamples, n). A row of ones is the set itself."""

SetStatistic: TypeAlias = Callable[[Counts], NDArray[np.float64]]
"""What is computed of a whole set of images: of counts, shape (resamples, n), one value a resample."""

RESAMPLES = 4_999
SEED = 1979
"""The year of Efron's bootstrap; any constant would do, and one makes results repeat."""

MOST_AT_ONCE = 2**22
"""How many sample indices are held at a time."""

SAME_DIGITS = 12
"""Statistics that agree in so many decimals are equal; sums of floats differ in the last ones."""


def resampled(
    n: int, *, strata: ArrayLike | None = None, resamples: int = RESAMPLES, seed: int = SEED
) -> Iterator[NDArray[np.intp]]:
    """Yield bootstrap samples of n samples as indices, in blocks of shape (some resamples, n); the same every time.

    Of each stratum (shape (n,)) as many are drawn as it has, from its own. Raises ValueError on other shapes.
    """
    groups = groups_of(n, strata)
    if resamples < 1:
        raise ValueError(f"Expected at least one resample, but got {resamples}.")
    by_group = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    begins = (np.cumsum(sizes) - sizes)[groups[by_group]]
    ends = begins + sizes[groups[by_group]]
    generator = np.random.default_rng(seed)
    block = max(1, MOST_AT_ONCE // n)
    for done in range(0, resamples, block):
        shape = (min(block, resamples - done), n)
        drawn = generator.integers(0, n, shape) if strata is None else generator.integers(begins, ends, shape)
        yield by_group[drawn]


def counts_of(indices: NDArray[np.intp]) -> Counts:
    """Return how often each sample is in each resample, both of shape (resamples, n)."""
    rows, n = indices.shape
    flat = (indices + n * np.arange(rows)[:, None]).ravel()
    return np.bincount(flat, minlength=rows * n).reshape(rows, n).astype(float)


def ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    """Return a quotient, element by element, NaN where the denominator is 0."""
    nothing = np.full(np.shape(denominator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=nothing, where=denominator != 0))


def groups_of(n: int, strata: ArrayLike | None) -> NDArray[np.intp]:
    """Return the number of each sample's stratum, shape (n,). Raises ValueError on other shapes and on no samples."""
    groups = np.zeros(n, np.intp) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    if n < 1 or groups.shape != (n,):
        raise ValueError(f"Expected samples and one stratum each, but got {n} samples and strata {groups.shape}.")
    return groups


def computed(statistic: SetStatistic, counts: Counts) -> NDArray[np.float64]:
    """Return a statistic's values, shape (resamples,). Raises ValueError unless there is a finite one for each row."""
    values = np.asarray(statistic(counts), float)
    if values.shape != (len(counts),):
        raise ValueError(f"Expected one value of the statistic a resample, ({len(counts)},), but got {values.shape}.")
    if missing := int(np.sum(~np.isfinite(values))):
        raise ValueError(
            f"The statistic has no value on {missing} of {len(counts)} resamples, such as those that lack what it is "
            "about. Take more images, or strata that keep it."
        )
    return values


def centred(drawn: NDArray[np.float64], measured: float) -> NDArray[np.float64]:
    """Return resampled values, shape (resamples,), moved so that their mean is the measured one.

    Resamples hold fewer different images than the set, which raises some statistics: maxima, means over what occurs.
    """
    return np.asarray(drawn - (np.mean(drawn) - measured), np.float64)


def middle(drawn: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Return between which values the middle ``level`` of the resampled ones, shape (resamples,), are expected.

    Those of the order statistics at p (resamples + 1), which with few resamples are wider apart than `numpy.quantile`'s
    own choice. Raises ValueError on impossible levels.
    """
    if not 0 < level < 1:
        raise ValueError(f"Expected 0 < level < 1, but got {level}.")
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="weibull")
    return float(low), float(high)
