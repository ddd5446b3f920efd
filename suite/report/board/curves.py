"""Curves of chosen entries, point by point: what a setting or a rate leaves or costs, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine

from suite.db import queries
from suite.db.queries import Drop, RankingRow
from suite.metrics import comparison
from suite.metrics.stats import Interval
from suite.report import rates
from suite.report.board.columns import Columns
from suite.report.comparison import METRICS
from suite.report.tables import TextTable, setting_of

Intervals: TypeAlias = Mapping[int, Interval]
"""The interval of the drop, a fraction, by the number of the compressed result."""

DROP, METRIC = "drop", "metric"
RATE, SETTING = "rate, bits per pixel", "setting"

PAIRED = "Bands: 95 % intervals of the difference from the original on the same images."
SHIFTED = (
    "Bands of {}: the metric's own 95 % interval, moved. That is wider than the interval of a difference on the same "
    "images, for which per-sample outcomes would have to be stored."
)
OWN = "Bands: 95 % intervals of the metric. Dashed: the original."
NUMBERED = "Settings that are no numbers are numbered in the protocol's order."


class Series(NamedTuple):
    """One entry to draw: its name, its results, and what is known of its drops' intervals."""

    name: str
    row: RankingRow
    intervals: Intervals


def drop_intervals(engine: Engine, row: RankingRow) -> dict[int, Interval]:
    """Return the 95 % intervals of an entry's drops from the stored outcomes; empty where these do not allow it.

    Of accuracies Tango's, of other means over samples a paired bootstrap within classes. Raises DamagedOutcomes.
    """
    if row.reference_id is None or row.task not in METRICS or row.metric not in METRICS[row.task].METRICS:
        return {}
    found = queries.outcomes(engine, [row.reference_id, *(drop.result_id for drop in row.drops)])
    original = found.get(row.reference_id)
    if original is None:
        return {}
    return {
        drop.result_id: interval_of(original, found[drop.result_id], row)
        for drop in row.drops
        if drop.result_id in found and found[drop.result_id]["truth"].equals(original["truth"])
    }


def interval_of(original: pa.Table, compressed: pa.Table, row: RankingRow) -> Interval:
    """Return the interval of original - compressed, a fraction, on the same samples."""
    module = METRICS[row.task]
    if row.metric in module.STRATIFIED:
        values = (module.contributions(each, row.metric) for each in (original, compressed))
        difference = comparison.paired_bootstrap(*values, strata=original["truth"].to_numpy(), resamples=999)
        return Interval(difference.low, difference.high)
    right = original["correct"].to_numpy(), compressed["correct"].to_numpy()
    return comparison.tango(int(np.sum(right[0] & ~right[1])), int(np.sum(~right[0] & right[1])), len(right[0]))


def curve_points(series: Sequence[Series], *, what: str, axis: str, codecs: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the points of some entries, in percent or percentage points: those of some codecs, of all if none named.

    ``what`` is `DROP` or `METRIC`, ``axis`` is `RATE` or `SETTING`; a point that has no such number is left out.
    """
    found = []
    for each in series:
        by_codec: dict[str, list[Drop]] = {}
        for drop in each.row.drops:
            by_codec.setdefault(drop.codec, []).append(drop)
        for codec, drops in by_codec.items():
            if not codecs or codec in codecs:
                found += [point_of(each, drop, number, what, axis) for number, drop in enumerate(drops, start=1)]
    return [each for each in found if each["x"] is not None and each["y"] is not None]


def point_of(series: Series, drop: Drop, number: int, what: str, axis: str) -> dict[str, Any]:
    """Return one point."""
    setting = drop.value if isinstance(drop.value, int | float) else number
    value, low, high = drop_of(series, drop) if what == DROP else value_of(drop)
    reference = series.row.reference
    return {
        "series": series.name,
        "codec": drop.codec,
        "setting": setting_of(drop),
        "x": drop.bits_per_pixel or None if axis == RATE else setting,
        "y": percent(value),
        "low": percent(low),
        "high": percent(high),
        "original": 0.0 if what == DROP else percent(reference.value if reference else None),
        "rate": drop.bits_per_pixel,
    }


def value_of(drop: Drop) -> tuple[float | None, float | None, float | None]:
    """Return the metric with its interval."""
    return drop.measure.value, drop.measure.low, drop.measure.high


def drop_of(series: Series, drop: Drop) -> tuple[float | None, float | None, float | None]:
    """Return a drop with its interval: that of the difference where known, else the metric's own, moved."""
    if drop.result_id in series.intervals:
        return drop.drop, *series.intervals[drop.result_id]
    reference, measure = series.row.reference, drop.measure
    if reference is None or measure.low is None or measure.high is None:
        return drop.drop, None, None
    return drop.drop, reference.value - measure.high, reference.value - measure.low


def percent(fraction: float | None) -> float | None:
    """Return a fraction in percent."""
    return None if fraction is None else round(100 * fraction, 4)


def notes_on(series: Sequence[Series], points: Sequence[dict[str, Any]], *, what: str, axis: str) -> list[str]:
    """Return what a reader must know of the bands and axes."""
    notes = [] if axis == RATE or all_numbers(series) else [NUMBERED]
    if not any(each["low"] is not None for each in points):
        return [*notes, "No intervals are stored of these results."]
    if what == METRIC:
        return [*notes, OWN]
    shifted = [each.name for each in series if not each.intervals]
    return [
        *notes,
        *[PAIRED] * (len(shifted) < len(series)),
        *[SHIFTED.format(", ".join(shifted))] * bool(shifted),
    ]


def all_numbers(series: Sequence[Series]) -> bool:
    """Whether every setting is a number."""
    return all(isinstance(drop.value, int | float) for each in series for drop in each.row.drops)


def curve_columns(points: Sequence[dict[str, Any]], *, what: str, metric: str) -> Columns:
    """Return the points as a table."""
    unit = "drop, points" if what == DROP else f"{metric}, %"
    titles = {"series": "entry", "codec": "codec", "setting": "setting", "rate": "bpp"}
    titles |= {"y": unit, "low": f"{unit}, low", "high": f"{unit}, high"}
    return {title: [each[name] for each in points] for name, title in titles.items()}


def codec_labels(rows: Sequence[RankingRow]) -> list[str]:
    """Return the labels of the codecs of some entries, that which others are usually compared with first."""
    labels = list(rates.labels_of(drop for row in rows for drop in row.drops).values())
    first = rates.chosen_reference(None, labels) if labels else ""
    return sorted(labels, key=lambda label: label != first)


def rate_table(label: str, rows: Sequence[RankingRow], reference: str) -> TextTable:
    """Return the areas and BD numbers of some entries of one track against a codec, named by its label."""
    labels = rates.labels_of(drop for row in rows for drop in row.drops)
    return rates.text_table(label, rates.table_of(rows, labels, rates.chosen_reference(reference, [*labels.values()])))
