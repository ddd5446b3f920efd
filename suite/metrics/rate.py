"""Rate against accuracy: the area under a curve, and BD-rate and BD-accuracy against a reference curve.

A curve is what was measured, in any order; the rule that makes it monotone is that of `monotone`, here and nowhere
else. What cannot be had is a `Summary` without a value that says why.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]

METHOD = "pchip"
"""Of the library's interpolations the one that cannot overshoot: monotone points give a monotone curve.

JVET's common test conditions use it too; the library's authors find Akima's closest to PSNR between the points
(Herglotz et al., ICIP 2022), but near saturation that may fall between points that rise.
"""

LEAST_POINTS = 4
"""As many as VCEG-M33 fits its polynomial to."""

LEAST_OVERLAP = 0.25
"""The part of the range that two curves span together which both must have."""

SAME_RATE, SAME_ACCURACY = 1e-6, 1e-9
"""Differences, in log10 bits per pixel and as a fraction, far below what is measured: up to here two are one."""


class Point(NamedTuple):
    """What one setting of a codec costs and gives: a rate above 0, and a fraction of which more is better."""

    bits_per_pixel: float
    accuracy: float


class Range(NamedTuple):
    """The two ends of the interval that a summary is the mean over."""

    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """A number and what it is the mean over; or None, and ``reason`` says why it cannot be had."""

    value: float | None = None
    over: Range | None = None
    reason: str = ""


def method() -> str:
    """Return what computes BD-rate and BD-accuracy, with its version."""
    return f"bjontegaard {version('bjontegaard')}, {METHOD} over log10 bits per pixel"


def monotone(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return a curve of rising rates and accuracies that never fall, by isotonic regression.

    Points of one rate become their mean; then neighbours in rate whose accuracies fall are pooled to theirs, in least
    squares and each point of equal weight (pool adjacent violators; Barlow et al. 1972). A fall is so taken for noise:
    where it is real, the summaries do not see it. Raises ValueError on rates that are not above 0 and on what is not
    finite.
    """
    from scipy.optimize import isotonic_regression

    ordered = sorted(points)
    rates, accuracies = _columns(ordered)
    if not (np.isfinite(rates).all() and np.isfinite(accuracies).all() and (rates > 0).all()):
        raise ValueError(f"Expected finite accuracies at finite rates above 0, but got {ordered}.")
    if not ordered:
        return ()
    groups = _runs(np.log10(rates), SAME_RATE)
    count = np.bincount(groups)
    fitted = isotonic_regression(_means(accuracies, groups), weights=count).x
    return tuple(map(Point, _means(rates, groups).tolist(), fitted.tolist()))


def pooled(points: Sequence[Point]) -> int:
    """Return how many points have another accuracy than measured on the curve that `monotone` makes of them."""
    rates, accuracies = _columns(points)
    fitted = np.interp(rates, *_columns(monotone(points))) if points else accuracies
    return int(np.sum(np.abs(fitted - accuracies) > SAME_ACCURACY))


def rates_of(points: Iterable[Point]) -> Range | None:
    """Return the lowest and the highest rate of a curve in bits per pixel; None without points."""
    rates = [point.bits_per_pixel for point in monotone(points)]
    return Range(rates[0], rates[-1]) if rates else None


def common_rates(curves: Iterable[Sequence[Point]]) -> Range | None:
    """Return the rates that every curve of two or more rates reaches, in bits per pixel; None where there are none."""
    found = [rates for rates in map(rates_of, curves) if rates and rates.low < rates.high]
    if not found:
        return None
    common = _shared(found)
    return common if common.low < common.high else None


def area(points: Iterable[Point], over: Range | None = None) -> Summary:
    """Return the area under accuracy over log bits per pixel, divided by its width: the mean accuracy, a fraction.

    ``over`` is an interval of bits per pixel, all that was measured where it is not given. Under the interpolation of
    `bd_accuracy`, which is thus the difference of two areas; areas over other intervals say nothing of each other.
    """
    curve = monotone(points)
    if len(curve) < 2:
        return Summary(reason=f"an area takes 2 rates, not {len(curve)}")
    measured = Range(curve[0].bits_per_pixel, curve[-1].bits_per_pixel)
    over = over or measured
    if not measured.low <= over.low < over.high <= measured.high:
        return Summary(reason=f"its rates, {_shown(measured)} bpp, do not reach over {_shown(over)} bpp")
    from scipy.interpolate import PchipInterpolator

    rates, accuracies = _columns(curve)
    low, high = np.log10(over)
    integral = PchipInterpolator(np.log10(rates), accuracies).integrate(low, high)
    return Summary(float(integral / (high - low)), over)


def bd_accuracy(reference: Iterable[Point], tested: Iterable[Point]) -> Summary:
    """Return by how much the tested curve is more accurate at equal rate than the reference: a fraction.

    The mean over the rates that both reach (in bits per pixel, weighed by their logarithm): BD-PSNR (Bjøntegaard,
    VCEG-M33, 2001) with accuracy for PSNR, computed by what `method` names.
    """
    anchor, curve = monotone(reference), monotone(tested)
    both = [np.log10(_columns(each)[0]) for each in (anchor, curve)]
    if reason := _reason_against(*both, what="rates"):
        return Summary(reason=reason)
    common = _shared([Range(each[0].bits_per_pixel, each[-1].bits_per_pixel) for each in (anchor, curve)])
    return Summary(_delta("bd_psnr", anchor, curve), common)


def bd_rate_percent(reference: Iterable[Point], tested: Iterable[Point]) -> Summary:
    """Return by how many percent the rate is higher than the reference's at equal accuracy; negative saves bits.

    The mean, of log rates, over the accuracies that both reach (Bjøntegaard, VCEG-M33, 2001), computed by what
    `method` names. Rate is a function of accuracy only where that rises, so of a stretch of one accuracy one point
    is kept, see `rising`. Where accuracy nears that on the originals it hardly depends on the rate: there a
    difference of few samples moves the BD-rate by tens of percent. Look at BD-accuracy beside it.
    """
    anchor, curve = rising(monotone(reference)), rising(monotone(tested))
    both = [_columns(each)[1] for each in (anchor, curve)]
    if reason := _reason_against(*both, what="accuracies"):
        return Summary(reason=reason)
    common = _shared([Range(float(each[0]), float(each[-1])) for each in both])
    return Summary(_delta("bd_rate", anchor, curve), common)


def rising(curve: Sequence[Point]) -> tuple[Point, ...]:
    """Return a monotone curve with one point for each stretch of equal accuracy, so that accuracy rises.

    A stretch at the top is reached at its lowest rate (more bits buy nothing), one at the bottom is left at its
    highest; any other is put at its mean log rate.
    """
    if not curve:
        return ()
    rates, accuracies = _columns(curve)
    groups = _runs(accuracies, SAME_ACCURACY)
    middle = 10 ** _means(np.log10(rates), groups)
    middle[0], middle[-1] = rates[groups == groups[0]][-1], rates[groups == groups[-1]][0]
    return tuple(map(Point, middle.tolist(), _means(accuracies, groups).tolist()))


def _reason_against(reference: Numbers, tested: Numbers, *, what: str) -> str:
    """Return why two curves cannot be compared along an axis, given the sorted places on it; empty where they can."""
    for whose, places in (("the reference", reference), ("the curve", tested)):
        if len(places) < LEAST_POINTS:
            return f"{whose} has {len(places)} different {what}; at least {LEAST_POINTS} are needed"
    common = _shared([Range(places[0], places[-1]) for places in (reference, tested)])
    span = max(reference[-1], tested[-1]) - min(reference[0], tested[0])
    share = max(0.0, common.high - common.low) / span
    if share < LEAST_OVERLAP:
        return f"the two share {share:.0%} of their range of {what}; at least {LEAST_OVERLAP:.0%} is needed"
    return ""


def _delta(name: str, reference: Sequence[Point], tested: Sequence[Point]) -> float:
    """Return what a function of the library says of two curves that can be compared."""
    compute = getattr(_library(), name)
    settings = {"method": METHOD, "require_matching_points": False, "min_overlap": 0}
    return float(compute(*_columns(reference), *_columns(tested), **settings))


@cache
def _library() -> Any:
    """Import the library when it is first needed: it brings matplotlib, and takes most of a second."""
    backend = os.environ.get("MPLBACKEND", "").partition("module://")[2]
    if backend and find_spec(backend.partition(".")[0]) is None:
        # A notebook passes its backend on to commands; pyplot refuses one that is not installed here.
        del os.environ["MPLBACKEND"]
    import bjontegaard

    return bjontegaard


def _columns(points: Sequence[Point]) -> tuple[Numbers, Numbers]:
    """Return the rates and the accuracies, shape (n,) each."""
    table = np.array(points, np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _runs(places: Numbers, tolerance: float) -> NDArray[np.int64]:
    """Return for each of the sorted ``places`` the number of its run; a gap above ``tolerance`` starts the next."""
    return np.cumsum(np.diff(places, prepend=places[0]) > tolerance)


def _means(values: Numbers, groups: NDArray[np.int64]) -> Numbers:
    """Return the mean of ``values`` in each group."""
    return np.asarray(np.bincount(groups, weights=values) / np.bincount(groups))


def _shared(ranges: Sequence[Range]) -> Range:
    """Return from where to where all ranges reach; the ends are the wrong way round where they share nothing."""
    return Range(max(each.low for each in ranges), min(each.high for each in ranges))


def _shown(rates: Range) -> str:
    """Return a range of rates as text."""
    return f"{rates.low:.3f} to {rates.high:.3f}"
