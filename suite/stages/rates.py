"""Target rates: which of a codec's settings comes nearest to so many bits per pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from suite.api import Setting


def nearest(settings: Sequence[Setting], rate: Callable[[Setting], float], target: float) -> Setting:
    """Return the setting whose rate is nearest to ``target``; of two that are equally near the lower rate wins.

    ``settings`` go from the lowest rate to the highest, as `Codec.settings` has them, so that bisection finds the
    first at or above the target after about log2(n) rates; the one before it is the other candidate. Where rates do
    not grow throughout, it is the crossing that bisection comes to, which is the same every time. A target out of
    reach gets the setting at that end: what is reported is the rate measured, never the target.
    """
    known = cache(rate)
    low, high = 0, len(settings) - 1
    while low < high:
        middle = (low + high) // 2
        if known(settings[middle]) < target:
            low = middle + 1
        else:
            high = middle
    candidates = settings[max(0, low - 1) : low + 1]
    return min(candidates, key=lambda setting: abs(known(setting) - target))
