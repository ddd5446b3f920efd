"""What each mitigation does for one model: what it buys back, what it costs, and which choices nothing else beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from suite.db.queries import Throughput
from suite.metrics.pareto import nondominated
from suite.report.board.columns import Columns, percents
from suite.report.board.curves import RATE
from suite.report.board.standing import Standing
from suite.spec import ORIGINAL

Places: TypeAlias = Mapping[str, int]
"""The place of one model's entry with each mitigation."""

SHOWN_FROM, SHOWN_TO = -100.0, 200.0
"""Recovered parts in percent that a chart shows: where little is lost they say little, and hide the others."""

RECOVERED = (
    "recovered: (mitigated - none) / (original - none). 100 %: all of the drop; below 0: it made matters worse. "
    "Unknown where nothing was lost, and mostly noise where little was."
)
LATENCY, AT_ONE, AT_BEST = "latency_p50_ms", "images_per_second_at_1", "images_per_second_at_best"


def recovered_of(standing: Standing, places: Places) -> dict[str, NDArray[np.float64]]:
    """Return the part of the drop that each mitigation buys back under each condition; NaN: unknown, or none lost."""
    if ORIGINAL not in places:
        return {}
    drops = standing.entries.drops
    lost = np.where(drops[places[ORIGINAL]] > 0, drops[places[ORIGINAL]], np.nan)
    return {name: 1 - drops[place] / lost for name, place in places.items() if name != ORIGINAL}


def recovered_columns(standing: Standing, places: Places) -> Columns:
    """Return what is lost without a mitigation and recovered by each, a row a condition; in points and percent."""
    found = recovered_of(standing, places)
    if not found:
        return {}
    plain = places[ORIGINAL]
    rates = standing.entries.numbers["bits_per_pixel"][plain]
    return {
        "setting": [str(on) for on in standing.entries.conditions],
        "bpp": [None if np.isnan(rate) else float(rate) for rate in rates],
        "drop with none, points": percents(standing.entries.drops[plain]),
        **{f"{name}: drop, points": percents(standing.entries.drops[places[name]]) for name in found},
        **{f"{name}: recovered, %": percents(part) for name, part in found.items()},
    }


def recovered_points(
    standing: Standing, places: Places, *, axis: str, codecs: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], int]:
    """Return points for `suite.report.charts.curves`, and how many have no place between the shown bounds."""
    every = [
        recovered_point(standing, places[name], column, 100 * float(part[column]), axis) | {"series": name}
        for name, part in recovered_of(standing, places).items()
        for column in map(int, np.flatnonzero(~np.isnan(part)))
        if not codecs or standing.entries.conditions[column].codec in codecs
    ]
    known = [each for each in every if each["x"] is not None]
    shown = [each for each in known if SHOWN_FROM <= each["y"] <= SHOWN_TO]
    return shown, len(known) - len(shown)


def recovered_point(standing: Standing, place: int, column: int, percent: float, axis: str) -> dict[str, Any]:
    """Return one point; the original stands at 100 %."""
    on = standing.entries.conditions[column]
    rate = known(standing.entries.numbers["bits_per_pixel"][place, column])
    number = on.setting.value
    if not isinstance(number, int | float):
        number = 1 + [each for each in standing.entries.conditions if each.codec == on.codec].index(on)
    return {
        "codec": on.codec,
        "setting": str(on),
        "x": rate or None if axis == RATE else number,
        "y": round(percent, 4),
        "low": None,
        "high": None,
        "original": 100.0,
        "rate": rate,
    }


def known(stored: float) -> float | None:
    """Return a number, None for NaN."""
    return None if np.isnan(stored) else float(stored)


def cost_columns(standing: Standing, places: Places) -> Columns:
    """Return how fast the model is with each mitigation, and its part of the speed without."""
    timed = {name: standing.speed(standing.entries.rows[place]) for name, place in places.items()}
    if not any(timed.values()):
        return {}
    plain = speed_of(timed.get(ORIGINAL), AT_BEST)
    speeds = [speed_of(each, AT_BEST) for each in timed.values()]
    return {
        "mitigation": list(timed),
        "best batch, images/s": speeds,
        "of the speed without, %": [100 * speed / plain if speed and plain else None for speed in speeds],
        "batch 1, images/s": [speed_of(each, AT_ONE) for each in timed.values()],
        "median latency, ms": [speed_of(each, LATENCY) for each in timed.values()],
    }


def speed_of(timed: Throughput | None, name: str) -> float | None:
    """Return a measure of a timing."""
    measure = timed.measure(name) if timed else None
    return measure.value if measure else None


def front_points(standing: Standing, places: Places) -> list[dict[str, Any]]:
    """Return a point for each mitigation and condition, and whether it is on the Pareto front.

    The front is of low drop, low rate and high throughput; where some mitigations were timed only those can be on it,
    and where none was, throughput does not count.
    """
    every = [point for name, place in places.items() for point in points_of(standing, name, place)]
    timed = any(each["images_per_second"] for each in every)
    asked = [each for each in every if each["images_per_second"] or not timed]
    costs = [(each["x"], each["y"], -(each["images_per_second"] or 0)) for each in asked]
    front = nondominated(np.array(costs).reshape(-1, 3))
    on_front = {id(each) for each, is_best in zip(asked, front, strict=True) if is_best}
    return [{**each, "front": id(each) in on_front} for each in every]


def points_of(standing: Standing, name: str, place: int) -> list[dict[str, Any]]:
    """Return the conditions of one entry whose rate (``x``) and drop (``y``, in percentage points) are known."""
    drops, rates = standing.entries.drops[place], standing.entries.numbers["bits_per_pixel"][place]
    speed = speed_of(standing.speed(standing.entries.rows[place]), AT_BEST)
    return [
        {
            "mitigation": name,
            "codec": standing.entries.conditions[column].codec,
            "setting": str(standing.entries.conditions[column]),
            "x": float(rates[column]),
            "y": round(100 * float(drops[column]), 4),
            "images_per_second": speed,
        }
        for column in np.flatnonzero(~np.isnan(drops) & (rates > 0))
    ]


def front_columns(points: Sequence[dict[str, Any]]) -> Columns:
    """Return the points on the front, the lowest rate first."""
    front = sorted((each for each in points if each["front"]), key=lambda each: (each["x"], each["y"]))
    titles = {"mitigation": "mitigation", "setting": "setting", "x": "bpp", "y": "drop, points"}
    titles |= {"images_per_second": "images/s"}
    return {title: [each[name] for each in front] for name, title in titles.items()}


def front_note(points: Sequence[dict[str, Any]]) -> str:
    """Return what the front is of, and who cannot be on it."""
    untimed = list(dict.fromkeys(each["mitigation"] for each in points if not each["images_per_second"]))
    what = "On the front (large and filled): no other choice is at least as good in {}, and better in one."
    if not any(each["images_per_second"] for each in points):
        return f"{what.format('drop and rate')} Nothing of it was timed, so that throughput does not count."
    absent = f" Not timed, so not on it: {', '.join(untimed)}." if untimed else ""
    return f"{what.format('drop, rate and throughput (images/s at the best batch)')}{absent}"
