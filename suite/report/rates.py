"""Curves of accuracy over rate, summed up: what each codec gives an entry at equal rate, and saves at equal accuracy.

The numbers are those of `suite.metrics.rate`; a curve is of whole and conformant results of one machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Engine

from suite.api import Task
from suite.db import queries
from suite.db.queries import Drop, RankingRow
from suite.digest import canonical_json
from suite.errors import UsageError, nearest
from suite.metrics import rate
from suite.metrics.rate import Point, Range, Summary
from suite.report.open_codecs import with_open_codecs
from suite.report.tables import NOTHING, TextTable, entry_of, in_order, points
from suite.spec import PluginRef, Value

USUAL_REFERENCE = "jpeg"

NO_RATE = "bits_per_pixel was not measured; a protocol names it among its frame_metrics"
NO_COMMON_RATES = "the codecs have no range of rates in common"
ITSELF = "it is the reference"


class Curve(NamedTuple):
    """What one codec gave one entry; ``label`` is the codec's name, and its parameters where another shares that."""

    label: str
    codec: str
    parameters: dict[str, Value]
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class CurveSummary:
    """One curve, summed up. ``points`` are (bits per pixel, metric) as measured.

    ``pooled`` of them were moved to make the curve monotone. ``why_unranked`` is that of the entry in its ranking.
    """

    entry: str
    model: PluginRef
    mitigation: PluginRef
    environment: str
    why_unranked: str
    label: str
    codec: str
    parameters: dict[str, Value]
    points: tuple[Point, ...]
    pooled: int
    area: Summary
    bd_rate_percent: Summary
    bd_accuracy: Summary


@dataclass(frozen=True, kw_only=True)
class RateTable:
    """The curves of one track: each area over the rates that all of them reach, each BD against ``reference``."""

    task: Task
    dataset: PluginRef
    split: str
    metric: str
    reference: str
    method: str
    area_over: Range | None
    curves: tuple[CurveSummary, ...]


def rate_tables(
    engine: Engine, protocol_digest: str, task: str | None = None, *, released: bool, reference: str | None = None
) -> tuple[RateTable, ...]:
    """Return the curves of one protocol, a table a track, against the codec of that name or label.

    Codecs that the protocol measures without naming them come after its own. Without ``reference`` that is jpeg, or the
    first codec where the protocol has none. Empty without whole, conformant results. Raises UsageError for a reference
    that is no codec, or several.
    """
    ranking = queries.usable_ranking(engine, protocol_digest, task, released=released)
    ranked = [row for row in (*ranking.ranked, *ranking.unranked) if row.drops]
    rows = with_open_codecs(engine, protocol_digest, ranked)
    labels = labels_of(drop for row in rows for drop in row.drops)
    if not labels:
        return ()
    against = chosen_reference(reference, list(labels.values()))
    return tuple(table_of(of_track, labels, against) for of_track in tracks(rows))


def labels_of(drops: Iterable[Drop]) -> dict[str, str]:
    """Return each codec's label by `identity`, in order; parameters tell codecs of one name apart."""
    named: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for drop in drops:
        named[drop.codec][identity(drop)] = {**drop.parameters, "setting": drop.parameter}
    return {
        key: " ".join((name, *distinct(variant, list(variants.values()))))
        for name, variants in named.items()
        for key, variant in variants.items()
    }


def identity(drop: Drop) -> str:
    """Return what makes two results points of one curve: the codec with all it is set to but the setting's value."""
    return canonical_json([drop.codec, drop.parameters, drop.parameter])


def distinct(variant: dict[str, Any], variants: Sequence[dict[str, Any]]) -> list[str]:
    """Return ``name=value`` of what ``variant`` has and not all of ``variants`` have."""
    return [f"{name}={value}" for name, value in variant.items() if any(each.get(name) != value for each in variants)]


def chosen_reference(wanted: str | None, labels: Sequence[str]) -> str:
    """Return the label of the codec to compare with. Raises UsageError."""
    named = [label for label in labels if label.partition(" ")[0] == (wanted or USUAL_REFERENCE)]
    if wanted is None:
        return next(iter(named), labels[0])
    if wanted in labels:
        return wanted
    if not named:
        known = f"There are: {', '.join(labels)}. {nearest(wanted, labels)}".rstrip()
        raise UsageError(f"No codec of these results is named '{wanted[:200]}'. {known}")
    if len(named) > 1:
        quoted = ", ".join(f"'{label}'" for label in named)
        raise UsageError(f"'{wanted}' is several codecs of this protocol. Give the reference as one of {quoted}.")
    return named[0]


def tracks(rows: Iterable[RankingRow]) -> list[list[RankingRow]]:
    """Group rows by what they were measured on; of each group those that `newest` keeps."""
    grouped: dict[tuple[Any, ...], list[RankingRow]] = defaultdict(list)
    for row in rows:
        grouped[row.task, row.dataset, row.split, row.metric].append(row)
    return [newest(group) for group in grouped.values()]


def newest(rows: Sequence[RankingRow]) -> list[RankingRow]:
    """Return each entry's newest row; the entries that have every condition, or all where none has."""
    complete = [row for row in rows if row.mean_drop is not None] or rows
    last = {(row.model, row.mitigation): row for row in sorted(complete, key=lambda row: row.age)}
    return [row for row in complete if last[row.model, row.mitigation] is row]


def table_of(rows: Sequence[RankingRow], labels: dict[str, str], reference: str) -> RateTable:
    """Return the summaries of one track's entries."""
    entries = [(row, curves_of(row, labels)) for row in rows]
    over = rate.common_rates(curve.points for _, curves in entries for curve in curves)
    first = rows[0]
    return RateTable(
        task=first.task,
        dataset=first.dataset,
        split=first.split,
        metric=first.metric,
        reference=reference,
        method=rate.method(),
        area_over=over,
        curves=tuple(
            summary_of(row, curve, reference_in(curves, reference), over=over)
            for row, curves in entries
            for curve in curves
        ),
    )


def curves_of(row: RankingRow, labels: dict[str, str]) -> list[Curve]:
    """Return an entry's curves, one a codec; a point without a rate is left out."""
    grouped: dict[str, list[Drop]] = defaultdict(list)
    for drop in row.drops:
        grouped[identity(drop)].append(drop)
    return [
        Curve(
            labels[key],
            drops[0].codec,
            drops[0].parameters,
            tuple(Point(drop.bits_per_pixel, drop.measure.value) for drop in drops if drop.bits_per_pixel is not None),
        )
        for key, drops in grouped.items()
    ]


def reference_in(curves: Sequence[Curve], label: str) -> Curve:
    """Return the entry's curve of that label, one without points where it has none."""
    return next((curve for curve in curves if curve.label == label), Curve(label, "", {}, ()))


def summary_of(row: RankingRow, curve: Curve, reference: Curve, *, over: Range | None) -> CurveSummary:
    """Return one curve summed up."""
    return CurveSummary(
        entry=entry_of(row),
        model=row.model,
        mitigation=row.mitigation,
        environment=row.environment,
        why_unranked=row.why_unranked,
        label=curve.label,
        codec=curve.codec,
        parameters=curve.parameters,
        points=curve.points,
        pooled=rate.pooled(curve.points),
        area=area_of(curve, over),
        bd_rate_percent=compared(rate.bd_rate_percent, curve, reference),
        bd_accuracy=compared(rate.bd_accuracy, curve, reference),
    )


def area_of(curve: Curve, over: Range | None) -> Summary:
    """Return the area under a curve over the rates that all of its table reach."""
    if not curve.points:
        return Summary(reason=NO_RATE)
    return rate.area(curve.points, over) if over else Summary(reason=NO_COMMON_RATES)


def compared(compute: Callable[[Iterable[Point], Iterable[Point]], Summary], curve: Curve, reference: Curve) -> Summary:
    """Return what ``compute`` says of a curve against the reference of its entry."""
    if not curve.points:
        return Summary(reason=NO_RATE)
    if curve.label == reference.label:
        return Summary(reason=ITSELF)
    if not reference.points:
        return Summary(reason=f"this entry has no curve of {reference.label}")
    return compute(reference.points, curve.points)


def tables_of(label: str, tables: Iterable[RateTable]) -> list[TextTable]:
    """Return the tables as text: fractions in percent, BD-accuracy in percentage points."""
    return [text_table(label, table) for table in tables]


def text_table(label: str, table: RateTable) -> TextTable:
    """Return one track's table, its notes saying what the numbers are and which cannot be had."""
    metric = table.metric
    columns = (
        *("entry", "codec", "points", "rates, bpp", f"area, {metric} %"),
        *("BD-rate %", f"over {metric} %", f"BD-{metric}, points", "over bpp"),
    )
    rows = tuple(text_row(curve) for curve in table.curves)
    title = f"{label}: {metric} by rate on {table.dataset.name}, against {table.reference}"
    return TextTable(title, columns, rows, (*explanations(table), *missing(table), *unranked(table)))


def text_row(curve: CurveSummary) -> tuple[str, ...]:
    """Return a curve as a row."""
    pooled = f" ({curve.pooled} pooled)" if curve.pooled else ""
    rate_change = curve.bd_rate_percent.value
    return (
        curve.entry,
        curve.label,
        f"{len(curve.points)}{pooled}",
        interval(rate.rates_of(curve.points), digits=3),
        NOTHING if curve.area.value is None else f"{100 * curve.area.value:.2f}",
        NOTHING if rate_change is None else f"{rate_change:+.1f}".replace("-0.0", "+0.0"),
        interval(curve.bd_rate_percent.over, digits=1, scale=100),
        points(curve.bd_accuracy.value),
        interval(curve.bd_accuracy.over, digits=3),
    )


def interval(found: Range | None, *, digits: int, scale: int = 1) -> str:
    """Return a range as text."""
    return NOTHING if found is None else f"{scale * found.low:.{digits}f} to {scale * found.high:.{digits}f}"


def explanations(table: RateTable) -> list[str]:
    """Return what the columns mean."""
    over = table.area_over
    area = f"area: the mean {table.metric} over log bpp, from {interval(over, digits=3)} bpp for all rows"
    difference = f"mean differences from {table.reference} over what both reach; a negative BD-rate saves bits"
    return [
        *[area] * (over is not None),
        f"BD-rate, BD-{table.metric}: {difference} ({table.method})",
        *["pooled: points that fall as the rate rises, set to their mean"] * any(each.pooled for each in table.curves),
    ]


def missing(table: RateTable) -> list[str]:
    """Return why numbers cannot be had; curves with one reason share a line."""
    by_reason: dict[str, list[str]] = {}
    names = ("area", "bd_rate_percent", "bd_accuracy")
    for name, shown in zip(names, ("area", "BD-rate", f"BD-{table.metric}"), strict=True):
        for curve in table.curves:
            if (reason := getattr(curve, name).reason) and reason != ITSELF:
                by_reason.setdefault(f"no {shown}: {reason}", []).append(f"{curve.entry}, {curve.label}")
    every = len(table.curves)
    return [
        f"{'all' if len(curves) == every > 1 else '; '.join(curves)}: {reason}" for reason, curves in by_reason.items()
    ]


def unranked(table: RateTable) -> list[str]:
    """Return why entries have no rank in their ranking; entries with one reason share a line."""
    reasons = in_order(curve.why_unranked for curve in table.curves if curve.why_unranked)
    return [
        f"{', '.join(in_order(curve.entry for curve in table.curves if curve.why_unranked == reason))}: {reason}"
        for reason in reasons
    ]
