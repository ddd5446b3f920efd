"""Intervals: how far a number from a finite sample may be from the truth."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """The two ends of a confidence interval."""

    low: float
    high: float


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a proportion (Wilson 1927), in [0, 1]; no trials leave all of it open.

    Written out because importing scipy.stats takes a second. Raises ValueError on impossible counts or levels.
    """
    if not 0 <= successes <= n or not 0 < level < 1:
        raise ValueError(f"Expected 0 <= successes <= n and 0 < level < 1, but got {successes}, {n} and {level}.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (successes + z * z / 2) / (n + z * z)
    half = z * sqrt(successes * (n - successes) / n + z * z / 4) / (n + z * z) if n else 0.5
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(low, high)
