"""Which codec, setting and mitigation are smallest for a drop that may be had: the results asked, model by model.

The statistics are those of `suite.metrics.advice`, on the stored per-sample outcomes; `suite.report.advice` has the
records that come out, and words them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine

from suite.api import Setting
from suite.db import queries
from suite.db.queries import Drop, RankingRow, StoredThroughput, Throughput
from suite.digest import canonical_json
from suite.errors import DataError, UsageError, nearest
from suite.metrics.advice import CurveAdvice, Outcomes
from suite.metrics.advice import advise as advise_on_curve
from suite.protocols import is_released
from suite.report.advice import ORIGINALS, Advice, Answer, Baseline, Measured, Question, Timing
from suite.report.comparison import METRICS
from suite.report.rates import NO_RATE, USUAL_REFERENCE, identity, labels_of
from suite.report.tables import entry_of, in_order
from suite.report.ties import numbers_of
from suite.spec import Condition, PluginRef, ProtocolSpec

NO_REFERENCE = "the model was not measured on the originals"
NO_OUTCOMES = "no per-sample outcomes are stored; measure it with 'suite run'"
NO_MEAN = "its metric is no mean over samples"


class Curve(NamedTuple):
    """The settings of one codec that an entry was measured at."""

    row: RankingRow
    key: str
    drops: list[Drop]


class Asked(NamedTuple):
    """What is looked at: a protocol's results, its codecs' labels by `identity`, and what was timed."""

    engine: Engine
    spec: ProtocolSpec
    labels: Mapping[str, str]
    timed: Sequence[StoredThroughput]


def chosen_protocol(engine: Engine, models: Sequence[str] = ()) -> ProtocolSpec:
    """Return the only protocol with results, of these models where named. Raises UsageError where it is not one."""
    stored = queries.protocols(engine)
    found = [
        each.spec
        for each in stored
        if not models or any(queries.results(engine, each.digest, model=model, limit=1) for model in models)
    ]
    if len(found) == 1:
        return found[0]
    if stored and not found:
        known = {each.ref.name for each in queries.plugins(engine) if each.ref.kind == "model"}
        checked("model", models, sorted(known))
    listed = ", ".join(spec.label for spec in found)
    there = f"Results are stored under several protocols: {listed}." if found else "No results are stored yet."
    raise UsageError(f"{there} Name one with --protocol.")


def advise(engine: Engine, spec: ProtocolSpec, question: Question) -> tuple[Advice, ...]:
    """Answer the question for each model and track from the whole and conformant results of one protocol.

    Of each entry the newest results on one machine count. Empty without results. Raises UsageError for names that no
    result has, DataError or DamagedOutcomes where the stored outcomes do not allow an answer.
    """
    ranking = queries.usable_ranking(
        engine, spec.digest, question.task, models=known_models(engine, question.models), released=is_released(spec)
    )
    rows = newest([row for row in (*ranking.ranked, *ranking.unranked) if row.drops])
    if not rows:
        return ()
    labels = labels_of(drop for row in rows for drop in row.drops)
    codecs = chosen_codecs(question.codecs, list(labels.values()))
    checked("model", question.models, in_order(row.model.name for row in rows))
    wanted = [row for row in rows if not question.models or row.model.name in question.models]
    checked("mitigation", question.mitigations, in_order(row.mitigation.name for row in wanted))
    asked = Asked(engine, spec, labels, queries.throughput(engine, spec.digest))
    groups: dict[tuple[Any, ...], list[RankingRow]] = defaultdict(list)
    for row in wanted:
        groups[row.task, row.dataset, row.split, row.metric, row.model].append(row)
    return tuple(advice_for(asked, question, of_model, codecs) for of_model in groups.values())


def known_models(engine: Engine, names: Collection[str]) -> Collection[str]:
    """Return the names to ask the database for: none, which is all, where one of them is not there."""
    known = {each.ref.name for each in queries.plugins(engine) if each.ref.kind == "model"}
    return names if known.issuperset(names) else ()


def newest(rows: Iterable[RankingRow]) -> list[RankingRow]:
    """Return the newest row of each mitigation with the newest version of each model; complete ones where there are."""
    models: dict[tuple[Any, ...], PluginRef] = {}
    kept: dict[tuple[Any, ...], RankingRow] = {}
    ordered = sorted(rows, key=lambda row: (row.mean_drop is not None, row.age))
    for row in ordered:
        models[*on(row), row.model.name] = row.model
    for row in ordered:
        if models[*on(row), row.model.name] == row.model:
            kept[*on(row), row.model.name, row.mitigation.name] = row
    return sorted(kept.values(), key=lambda row: row.age)


def on(row: RankingRow) -> tuple[Any, ...]:
    """Return what an entry was measured on, and by."""
    return row.task, row.dataset, row.split, row.metric


def checked(kind: str, names: Iterable[str], known: Sequence[str]) -> None:
    """Raise UsageError for the first name that is not known."""
    for name in names:
        if name not in known:
            there = f"There are: {', '.join(known)}. {nearest(name, known)}".rstrip()
            raise UsageError(f"No {kind} of these results is named '{name[:200]}'. {there}")


def chosen_codecs(wanted: Sequence[str], labels: Sequence[str]) -> set[str]:
    """Return the labels of the codecs of those names or labels; all where none is given. Raises UsageError."""
    names = [label.partition(" ")[0] for label in labels]
    checked("codec", wanted, in_order([*labels, *names]))
    return {label for label, name in zip(labels, names, strict=True) if not wanted or {label, name} & set(wanted)}


def advice_for(asked: Asked, question: Question, rows: Sequence[RankingRow], codecs: set[str]) -> Advice:
    """Return the answers for one model on one track, given all its rows."""
    mitigated = [row for row in rows if not question.mitigations or row.mitigation.name in question.mitigations]
    by_row = [[curve for curve in curves_of(row) if asked.labels[curve.key] in codecs] for row in mitigated]
    count = max(1, sum(not reason_against(curve) for curves in by_row for curve in curves))
    level = 1 - (1 - question.level) / count if question.simultaneous else question.level
    baseline = baseline_of(asked, rows, question.baseline)
    answers = [each for curves in by_row for each in answers_of(asked, curves, question.budget, level)]
    first = rows[0]
    return Advice(
        task=first.task,
        dataset=first.dataset,
        split=first.split,
        metric=first.metric,
        model=first.model,
        samples=first.samples,
        budget=question.budget,
        level=level,
        simultaneous=question.simultaneous,
        rows=count,
        baseline=baseline,
        answers=tuple(sorted((with_saving(each, baseline) for each in answers), key=standing)),
    )


def curves_of(row: RankingRow) -> list[Curve]:
    """Return what an entry was measured at, codec by codec."""
    grouped: dict[str, list[Drop]] = defaultdict(list)
    for drop in row.drops:
        grouped[identity(drop)].append(drop)
    return [Curve(row, key, drops) for key, drops in grouped.items()]


def reason_against(curve: Curve) -> str:
    """Return why a curve cannot be looked at, as far as its results say; empty where it can."""
    row = curve.row
    if row.task not in METRICS or row.metric not in METRICS[row.task].METRICS:
        return NO_MEAN
    if row.reference_id is None:
        return NO_REFERENCE
    return "" if any(drop.bits_per_pixel is not None for drop in curve.drops) else NO_RATE


def answers_of(asked: Asked, curves: Sequence[Curve], budget: float, level: float) -> list[Answer]:
    """Return one entry's answers, a codec each."""
    tables = queries.outcomes(asked.engine, numbers_of(curves[0].row)) if curves else {}
    return [answer_of(asked, curve, tables, budget=budget, level=level) for curve in curves]


def answer_of(asked: Asked, curve: Curve, tables: Mapping[int, pa.Table], *, budget: float, level: float) -> Answer:
    """Return what one curve says; settings without a rate or without outcomes are left out."""
    row = curve.row
    drops = [(at, drop) for drop in curve.drops if (at := drop.bits_per_pixel) is not None and drop.result_id in tables]
    known = bool(drops) and row.reference_id in tables
    bare = Answer(
        entry=entry_of(row),
        mitigation=row.mitigation,
        environment=row.environment,
        why_unranked=row.why_unranked,
        codec=asked.labels[curve.key],
        parameters=curve.drops[0].parameters,
        timing=timing_of(row, curve.key, asked.timed),
        reason=reason_against(curve) or ("" if known else NO_OUTCOMES),
    )
    if bare.reason:
        return bare
    ordered = [drop for _, drop in sorted(drops, key=lambda pair: pair[0])]
    return with_curve(bare, ordered, advise_on_curve(outcomes_of(row, ordered, tables), budget, level=level))


def outcomes_of(row: RankingRow, drops: Sequence[Drop], tables: Mapping[int, pa.Table]) -> Outcomes:
    """Return what each sample adds to the metric at each setting. Raises DataError where they are not the same."""
    module, numbers = METRICS[row.task], [row.reference_id or 0, *(drop.result_id for drop in drops)]
    truth = tables[numbers[0]]["truth"]
    for number in numbers:
        if not tables[number]["truth"].equals(truth):
            raise DataError(
                f"Results {numbers[0]} and {number} hold other samples, or in another order. Measure again."
            )
    original, *compressed = (module.contributions(tables[number], row.metric) for number in numbers)
    return Outcomes(
        bits_per_pixel=np.array([drop.bits_per_pixel for drop in drops], float),
        original=original,
        compressed=np.array(compressed),
        strata=truth.to_numpy() if row.metric in module.STRATIFIED else None,
    )


def with_curve(bare: Answer, drops: Sequence[Drop], found: CurveAdvice) -> Answer:
    """Return an answer with what its curve says; ``drops`` are by rate."""
    settings = tuple(
        Measured(setting=str(Setting(drop.parameter, drop.value)), result_id=drop.result_id, drop=at)
        for drop, at in zip(drops, found.drops, strict=True)
    )
    return replace(
        bare,
        settings=settings,
        smallest=None if found.smallest is None else settings[found.smallest],
        closest=settings[found.closest],
        crossing=found.crossing,
        rate=found.crossing.high,
        resolution=found.resolution,
    )


def with_saving(answer: Answer, baseline: Baseline | None) -> Answer:
    """Return an answer with what it saves."""
    if baseline is None or answer.rate is None:
        return answer
    return replace(answer, saving=1 - answer.rate / baseline.bits_per_pixel)


def standing(answer: Answer) -> tuple[float, float, str, str]:
    """Return what orders answers: the rate that fits; then, of those without, the least upper bound."""
    rate = np.inf if answer.rate is None else answer.rate
    bound = answer.closest.drop.high if answer.closest else np.inf
    return rate, bound, answer.codec, answer.mitigation.name


def timing_of(row: RankingRow, key: str, timed: Sequence[StoredThroughput]) -> Timing:
    """Return the newest valid timings of an entry, and of the codec that `identity` gives ``key``, on its machine."""
    here = [each.throughput for each in timed if each.environment == row.environment]
    valid = [each for each in here if each.status == "valid"]
    of_entry = ("inference", row.model, row.mitigation)
    entry = next((each for each in valid if (each.work, each.model, each.mitigation) == of_entry), None)
    codec = next((each for each in valid if each.work == "codec" and key == key_of(each.condition)), None)
    return Timing(
        value_of(entry, "images_per_second_at_best"), value_of(codec, "encode_ms"), value_of(codec, "decode_ms")
    )


def key_of(condition: Condition) -> str:
    """Return a condition's `suite.report.rates.identity`."""
    return canonical_json([condition.label, condition.parameters, condition.parameter])


def value_of(timed: Throughput | None, name: str) -> float | None:
    """Return a measure of a timing, if it was taken."""
    found = timed.measure(name) if timed else None
    return found.value if found else None


def baseline_of(asked: Asked, rows: Sequence[RankingRow], wanted: str | None) -> Baseline | None:
    """Return what bytes are saved against: what is wanted, else the originals, else JPEG at its highest rate.

    None where nothing is known of these. Raises UsageError for what has no rate here.
    """
    settings = rates_by_setting(asked, rows)
    original = rate_of_originals(asked, rows)
    known = ({ORIGINALS: original} if original is not None else {}) | settings
    if wanted is None:
        jpeg = {name: rate for name, rate in settings.items() if name.partition(" ")[0] == USUAL_REFERENCE}
        name = ORIGINALS if original is not None else max(jpeg, key=jpeg.__getitem__, default="")
        return Baseline(name, known[name]) if name else None
    spelt = {name.replace("=", " "): name for name in known}
    checked("baseline", [wanted.replace("=", " ")], list(spelt))
    name = spelt[wanted.replace("=", " ")]
    return Baseline(name, known[name])


def rates_by_setting(asked: Asked, rows: Sequence[RankingRow]) -> dict[str, float]:
    """Return the bits per pixel of each setting, as in ``jpeg quality 90``; the first row that has it says it."""
    found: dict[str, float] = {}
    for drop in (drop for row in rows for drop in row.drops):
        if drop.bits_per_pixel is not None:
            found.setdefault(f"{asked.labels[identity(drop)]} {drop.parameter} {drop.value}", drop.bits_per_pixel)
    return found


def rate_of_originals(asked: Asked, rows: Sequence[RankingRow]) -> float | None:
    """Return the bits per pixel of the original files; None where unknown, or where codecs see only a part of them."""
    numbers = [row.reference_id for row in rows if row.reference_id is not None]
    if not numbers or asked.spec.order != "compress-then-geometry":
        return None
    found = queries.result(asked.engine, numbers[0]).stored.measure("bits_per_pixel")
    return found.value if found else None
