"""The lowest rate at which a drop stays within a budget: among the rates measured, and between them.

Arrays in, frozen records out. The curve between two rates is that of `suite.metrics.rate`: the means made monotone by
isotonic regression, interpolated over log rate without overshoot, and never continued beyond what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, log10
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from suite.metrics.comparison import BISECTIONS, tango
from suite.metrics.rate import SAME_RATE, Range
from suite.metrics.resampling import MOST_AT_ONCE, RESAMPLES, SAME_DIGITS, SEED
from suite.metrics.stats import Numbers

TAIL_RESAMPLES = 25
"""As many resamples at least lie beyond each end of an interval, however high its level."""


@dataclass(frozen=True)
class DropAt:
    """A drop at a rate, a fraction, with the ends of its interval; ``high`` is its upper bound."""

    bits_per_pixel: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Crossing:
    """Where a curve's drop comes down to the budget, in bits per pixel, with the ends of its interval.

    ``bits_per_pixel`` is None where that is not among the rates measured, and ``reason`` says why. ``low`` None: below
    the lowest of them; ``high`` None: above the highest. From ``high`` on the drop is shown to be within the budget:
    that is at or below the smallest setting that fits. There the curve's drop is ``drop_at_high``, a fraction.
    """

    bits_per_pixel: float | None
    low: float | None
    high: float | None
    drop_at_high: float | None
    reason: str = ""


@dataclass(frozen=True)
class CurveAdvice:
    """What one curve says of a budget. Places count ``drops``, which are in order of rate.

    ``smallest`` is the lowest rate that fits, as all above it do; None where the highest does not. ``closest`` has the
    least upper bound. ``resolution``: so far above the drop at the highest rate its upper bound is. With budgets below
    that even what costs nothing can hardly be shown to fit.
    """

    drops: tuple[DropAt, ...]
    smallest: int | None
    closest: int
    crossing: Crossing
    resolution: float


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What each of n samples adds to a metric, whose mean is the metric: one curve, and the originals.

    ``bits_per_pixel`` has shape (settings,), ``original`` (n,), ``compressed`` (settings, n). ``strata``, shape (n,):
    resamples keep the number of samples of each. Raises ValueError on other shapes and on rates that are not above 0.
    """

    bits_per_pixel: Numbers
    original: Numbers
    compressed: Numbers
    strata: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        settings, n = self.bits_per_pixel.size, self.original.size
        groups = n if self.strata is None else self.strata.size
        if not settings or not n or self.compressed.shape != (settings, n) or groups != n:
            got = f"{self.bits_per_pixel.shape}, {self.original.shape}, {self.compressed.shape} and {groups} strata"
            raise ValueError(f"Expected shapes (settings,), (n,), (settings, n) and a stratum each, but got {got}.")
        if not (np.isfinite(self.bits_per_pixel).all() and (self.bits_per_pixel > 0).all()):
            raise ValueError(f"Expected finite rates above 0, but got {self.bits_per_pixel}.")

    def by_rate(self) -> Outcomes:
        """Return the same with rising rates; settings of one rate stay in their order."""
        order = np.argsort(self.bits_per_pixel, kind="stable")
        return Outcomes(self.bits_per_pixel[order], self.original, self.compressed[order], self.strata)

    @property
    def are_proportions(self) -> bool:
        """Whether each sample is right or wrong and weighs the same."""
        values = (self.original, self.compressed)
        return self.strata is None and all(bool(np.isin(each, (0, 1)).all()) for each in values)


def advise(
    outcomes: Outcomes, budget: float, *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = SEED
) -> CurveAdvice:
    """Return where a curve's drop, original minus compressed on the same samples, is within ``budget``, a fraction.

    Drops of proportions have Tango's interval, the others the percentile interval of the paired bootstrap, made as wide
    as Tango's is where no sample changes. Settings are looked at from the highest rate down to the first that does not
    fit, in which order the level needs no correction for their number (fixed-sequence testing: Maurer, Hothorn and
    Lehmacher, 1995). Raises ValueError on impossible budgets and levels.
    """
    if not -1 <= budget <= 1 or not 0 < level < 1:
        raise ValueError(f"Expected a budget in [-1, 1] and a level in (0, 1), but got {budget} and {level}.")
    ordered = outcomes.by_rate()
    resamples = max(resamples, int(2 * TAIL_RESAMPLES / (1 - level)))
    drawn = resampled_means(
        np.vstack([ordered.original, ordered.compressed]), strata=ordered.strata, resamples=resamples, seed=seed
    )
    drops = drops_of(ordered, drawn, level)
    smallest = first_of_tail([drop.high <= budget for drop in drops])
    return CurveAdvice(
        drops=drops,
        smallest=smallest,
        closest=min(range(len(drops)), key=lambda place: drops[place].high),
        crossing=crossing_of(ordered, drawn, budget, level=level, shown=bounds_meet(drops, smallest, budget)),
        resolution=drops[-1].high - drops[-1].value,
    )


def least_width(n: int, level: float) -> float:
    """Return how far Tango's interval reaches above a difference of none on n samples that all agree, a fraction."""
    return tango(0, 0, n, level).high


def first_of_tail(fitting: Sequence[bool]) -> int | None:
    """Return where the last unbroken run of True begins, None where the list does not end in one."""
    misfits = [place for place, fits in enumerate(fitting) if not fits]
    first = misfits[-1] + 1 if misfits else 0
    return first if first < len(fitting) else None


def drops_of(outcomes: Outcomes, drawn: Numbers, level: float) -> tuple[DropAt, ...]:
    """Return the drop at each rate; ``drawn`` are resampled means, originals first, shape (resamples, 1 + rates)."""
    rates = outcomes.bits_per_pixel.tolist()
    if outcomes.are_proportions:
        rows = zip(rates, outcomes.compressed, strict=True)
        return tuple(proportions(rate, outcomes.original, row, level) for rate, row in rows)
    differences = np.round(drawn[:, :1] - drawn[:, 1:], SAME_DIGITS)
    lows, highs = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2], axis=0)
    values = np.mean(outcomes.original - outcomes.compressed, axis=1)
    least = least_width(outcomes.original.size, level)
    lows, highs = np.minimum(lows, values - least), np.maximum(highs, values + least)
    return tuple(map(DropAt, rates, values.tolist(), lows.tolist(), highs.tolist()))


def proportions(bits_per_pixel: float, original: Numbers, compressed: Numbers, level: float) -> DropAt:
    """Return the drop of a proportion, with Tango's interval; values 0 or 1, shape (n,)."""
    lost, gained = int(np.sum(original > compressed)), int(np.sum(original < compressed))
    return DropAt(bits_per_pixel, (lost - gained) / original.size, *tango(lost, gained, original.size, level))


def bounds_meet(drops: Sequence[DropAt], smallest: int | None, budget: float) -> Range:
    """Return from where, in log10 bits per pixel, to the rate of ``smallest`` the upper bounds are within the budget.

    Below the latter linear over log rate; infinite where no rate fits.
    """
    if smallest is None:
        return Range(inf, inf)
    end = drops[smallest]
    begin = drops[smallest - 1] if smallest else end
    share = (begin.high - budget) / (begin.high - end.high) if smallest else 1.0
    low, high = log10(begin.bits_per_pixel), log10(end.bits_per_pixel)
    return Range(low + share * (high - low), high)


def crossing_of(outcomes: Outcomes, drawn: Numbers, budget: float, *, level: float, shown: Range) -> Crossing:
    """Return where the curve meets the budget; ``drawn`` is as for `drops_of`.

    Originals and all settings share each resample, and each resample's curve meets the budget somewhere: the middle
    ``level`` of those rates is the interval. As curves are monotone, it ends just where the drop's upper bound along
    the curve is the budget; with few changed samples that may come out too low, and beside a measured bound it may be
    wider than need be, so it ends within ``shown``, see `bounds_meet`.
    """
    log_rates, groups = same_rates(outcomes.bits_per_pixel)
    measured = np.concatenate([[np.mean(outcomes.original)], np.mean(outcomes.compressed, axis=1)])
    means = np.vstack([measured, drawn])
    curves = curves_of(means, groups)
    found = crossings(log_rates, curves, means[:, 0] - budget)
    low, high = np.quantile(found[1:], [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    begin, end = min(low, found[0]), min(max(high, found[0], shown.low), shown.high)
    return Crossing(
        bits_per_pixel=rate_of(found[0]) if np.isfinite(found[0]) else None,
        low=None if begin == -inf else rate_of(min(begin, log_rates[-1], end)),
        high=None if end == inf else rate_of(end),
        drop_at_high=None if end == inf else float(measured[0] - height(end, log_rates, curves[0])),
        reason={-inf: EVERYWHERE, inf: NOWHERE}.get(float(found[0]), ""),
    )


EVERYWHERE, NOWHERE = "the lowest rate measured is within it", "no rate measured is within it"
"""Why a curve does not cross the budget."""


def height(log_rate: float, log_rates: Numbers, curve: Numbers) -> float:
    """Return a curve's value at a rate that it reaches, shape (rates,)."""
    from scipy.interpolate import PchipInterpolator

    return float(curve[0] if len(log_rates) == 1 else PchipInterpolator(log_rates, curve)(log_rate))


def rate_of(log_rate: float) -> float:
    """Return a rate in bits per pixel."""
    return float(10**log_rate)


def same_rates(bits_per_pixel: Numbers) -> tuple[Numbers, NDArray[np.intp]]:
    """Return the different log10 rates, and which of them each of the sorted rates is; one rate is as in `rate`."""
    logs = np.log10(bits_per_pixel)
    groups = np.cumsum(np.diff(logs, prepend=logs[0]) > SAME_RATE, dtype=np.intp)
    means: Numbers = np.bincount(groups, weights=bits_per_pixel) / np.bincount(groups)
    return np.log10(means), groups


def curves_of(means: Numbers, groups: NDArray[np.intp]) -> Numbers:
    """Return monotone curves, shape (curves, rates), of means: the originals' first, shape (curves, 1 + settings)."""
    count = np.bincount(groups)
    belongs = groups[:, None] == np.arange(len(count))
    return np.round(isotonic(means[:, 1:] @ (belongs / count), count.astype(float)), SAME_DIGITS)


def isotonic(values: ArrayLike, weights: ArrayLike) -> Numbers:
    """Return each row of ``values``, shape (rows, points), made to never fall, in least squares of the ``weights``.

    What `suite.metrics.rate.monotone` does to one curve, by the min-max formula for all at once (Barlow et al. 1972).
    """
    table, weight = np.asarray(values, float), np.asarray(weights, float)
    sums = np.concatenate([np.zeros((len(table), 1)), np.cumsum(weight * table, axis=1)], axis=1)
    counts = np.concatenate([[0], np.cumsum(weight)])
    fitted = np.full_like(table, -np.inf)
    for begin in range(len(weight)):
        means = (sums[:, begin + 1 :] - sums[:, begin, None]) / (counts[begin + 1 :] - counts[begin])
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        fitted[:, begin:] = np.maximum(fitted[:, begin:], least)
    return fitted


def crossings(log_rates: Numbers, curves: Numbers, targets: Numbers) -> Numbers:
    """Return where each monotone curve first reaches its target, a log10 rate; targets have shape (curves,).

    Minus infinity where it does so at the lowest rate, infinity where it does not at the highest.
    """
    from scipy.interpolate import PchipInterpolator

    wanted = np.round(targets, SAME_DIGITS)
    found = np.where(curves[:, 0] >= wanted, -np.inf, np.inf)
    inside = (curves[:, 0] < wanted) & (curves[:, -1] >= wanted)
    if inside.any():
        heights, goals = curves[inside], wanted[inside]
        place = np.sum(heights < goals[:, None], axis=1) - 1
        pieces = PchipInterpolator(log_rates, heights, axis=1).c[:, place, np.arange(len(goals))]
        found[inside] = log_rates[place] + roots(pieces, goals, np.diff(log_rates)[place])
    return found


def roots(pieces: Numbers, goals: Numbers, widths: Numbers) -> Numbers:
    """Return where rising cubics, coefficients of shape (4, pieces), reach their goals in [0, width], by bisection."""
    low, high = np.zeros_like(widths), widths.copy()
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = ((pieces[0] * middle + pieces[1]) * middle + pieces[2]) * middle + pieces[3] < goals
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return high


def resampled_means(
    values: ArrayLike, *, strata: ArrayLike | None = None, resamples: int = RESAMPLES, seed: int = SEED
) -> Numbers:
    """Return the mean of each row of ``values``, shape (rows, n), over bootstrap samples: shape (resamples, rows).

    Rows share each resample. Samples that are alike in all rows are drawn together, as counts of a multinomial: the
    same distribution as of `suite.metrics.resampling.resampled` in a time that hardly depends on n. Of each stratum
    (shape (n,)) as many are drawn as it has. The same every time.
    """
    table = np.asarray(values, float)
    groups = np.zeros(table.shape[1]) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    kinds, counts = np.unique(np.vstack([groups, table]), axis=1, return_counts=True)
    generator = np.random.default_rng(seed)
    sums = np.zeros((resamples, len(table)))
    for stratum in np.unique(kinds[0]):
        of = kinds[0] == stratum
        for rows, drawn in multinomials(generator, counts[of], resamples):
            sums[rows] += drawn @ kinds[1:, of].T
    return np.asarray(np.round(sums / table.shape[1], SAME_DIGITS))


def multinomials(
    generator: np.random.Generator, counts: NDArray[np.intp], resamples: int
) -> Iterator[tuple[slice, Numbers]]:
    """Yield how often each kind of sample is drawn, in blocks of resamples; there are ``counts`` of each kind."""
    size = int(counts.sum())
    block = max(1, MOST_AT_ONCE // len(counts))
    for begin in range(0, resamples, block):
        rows = slice(begin, min(begin + block, resamples))
        yield rows, generator.multinomial(size, counts / size, rows.stop - begin).astype(float)
