"""Entries laid out as a table with typed columns: what the ranking shows and what a download holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.db.queries import CodecSetting, EntryRow
from suite.metrics.rate import Point, Range, area, common_rates
from suite.report.board.selection import Mask, Selection, images_per_second, licence_of, parameters_of, training_of
from suite.report.board.standing import Standing
from suite.report.tables import Standings, entry_of, in_order

Columns = dict[str, list[Any]]
"""A table: its columns by their titles, as long as each other."""


def ranking_columns(
    standing: Standing, selection: Selection, places: NDArray[np.intp], ties: Standings, *, by_setting: bool
) -> Columns:
    """Return the columns of the entries at ``places``; values in percent, drops in percentage points.

    Means are over the selection's conditions. ``by_setting``: drops, values and their intervals for each of those, else
    mean drops for each codec.
    """
    rows = [standing.entries.rows[place] for place in places]
    mean, recovered = standing.mean_drops(selection.columns), standing.recovered(selection.columns)
    return {
        "rank": [row.rank for row in rows],
        **tie_columns(rows, ties),
        "entry": [entry_of(row) for row in rows],
        **badge_columns(standing, rows),
        "original, %": [row.reference and 100 * row.reference.value for row in rows],
        "original, % low": [bound(row, "low") for row in rows],
        "original, % high": [bound(row, "high") for row in rows],
        "mean drop, points": percents(mean[places]),
        "recovered, %": percents(recovered[places]),
        **drop_columns(standing, selection.columns, places, by_setting=by_setting),
        **(value_columns(standing, selection.columns, places) if by_setting else {}),
        **area_columns(standing, selection.columns, places),
        "images/s": [images_per_second(standing, row) for row in rows],
        "parameters, M": [millions(parameters_of(standing, row)) for row in rows],
        "images": [row.samples for row in rows],
        "licence": [licence_of(standing, row) for row in rows],
        "training data": [training_of(standing, row) for row in rows],
        "verification": [str(standing.badge(row) or "") for row in rows],
        "reproduced": standing.reproduced[places].tolist(),
        "machine": [row.environment.removeprefix("sha256:")[:8] for row in rows],
        "measured": [row.created_at for row in rows],
        "why it has no rank": [row.why_unranked for row in rows],
    }


def tie_columns(rows: Sequence[EntryRow], ties: Standings) -> Columns:
    """Return tie groups and rank intervals, where any are known."""
    if not ties:
        return {}
    found = [ties.get(row.result_id) for row in rows]
    return {
        "tied": [each and each.group for each in found],
        "ranks, 95 %": [f"{each.best} to {each.worst}" if each else "" for each in found],
    }


def badge_columns(standing: Standing, rows: Sequence[EntryRow]) -> Columns:
    """Return the words of the entries' badges, where there are any."""
    badges = [standing.badge(row) for row in rows]
    return {"badge": [badge.word if badge else "" for badge in badges]} if any(badges) else {}


def drop_columns(standing: Standing, columns: Mask, places: NDArray[np.intp], *, by_setting: bool) -> Columns:
    """Return the drops in percentage points: a column a condition, or the mean over each codec's."""
    conditions = standing.entries.conditions
    if by_setting:
        drops = standing.entries.drops[places]
        return {f"{conditions[column]}, points": percents(drops[:, column]) for column in np.flatnonzero(columns)}
    means = {
        codec: standing.mean_drops(columns & of_codec(conditions, codec)) for codec in codecs_in(conditions, columns)
    }
    return {f"{codec}, points": percents(mean[places]) for codec, mean in means.items()}


def value_columns(standing: Standing, columns: Mask, places: NDArray[np.intp]) -> Columns:
    """Return the metric under each condition in percent, and the ends of its interval."""
    numbers, conditions = standing.entries.numbers, standing.entries.conditions
    return {
        f"{conditions[column]}, %{end}": percents(numbers[name][places, column])
        for column in np.flatnonzero(columns)
        for name, end in (("value", ""), ("low", " low"), ("high", " high"))
    }


def codecs_in(conditions: Sequence[CodecSetting], columns: Mask) -> list[str]:
    """Return the codecs of the chosen conditions, as they first come."""
    return in_order(on.codec for on, chosen in zip(conditions, columns, strict=True) if chosen)


def of_codec(conditions: Sequence[CodecSetting], codec: str) -> Mask:
    """Return which conditions are a codec's."""
    return np.array([on.codec == codec for on in conditions], bool)


def area_columns(standing: Standing, columns: Mask, places: NDArray[np.intp]) -> Columns:
    """Return the area under each codec's curve in percent, over the rates that all curves shown reach."""
    conditions = standing.entries.conditions
    codecs = codecs_in(conditions, columns)
    masks = [columns & of_codec(conditions, codec) for codec in codecs]
    curves = [[curve_of(standing, place, mask) for mask in masks] for place in places]
    over = common_rates(curve for each in curves for curve in each)
    if over is None:
        return {}
    title = "{}, area " + f"{over.low:.2f} to {over.high:.2f} bpp, %"
    return {
        title.format(codec): [area_of(each[number], over) for each in curves] for number, codec in enumerate(codecs)
    }


def curve_of(standing: Standing, place: int, mask: Mask) -> list[Point]:
    """Return what an entry has of a curve."""
    numbers = standing.entries.numbers
    found = zip(numbers["bits_per_pixel"][place][mask], numbers["value"][place][mask], strict=True)
    return [Point(float(rate), float(value)) for rate, value in found if rate > 0 and not np.isnan(value)]


def area_of(curve: Sequence[Point], over: Range) -> float | None:
    """Return an area in percent."""
    found = area(curve, over).value
    return None if found is None else 100 * found


def bound(row: EntryRow, which: str) -> float | None:
    """Return a bound of the value on the originals, in percent."""
    found = getattr(row.reference, which) if row.reference else None
    return None if found is None else 100 * found


def percents(fractions: NDArray[np.float64]) -> list[float | None]:
    """Return fractions in percent, None for NaN."""
    return [None if np.isnan(each) else 100 * float(each) for each in fractions]


def millions(count: int | None) -> float | None:
    """Return a count in millions."""
    return None if count is None else count / 1e6
