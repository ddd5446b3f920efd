"""The figures of a publication: rows of a ranking in, Altair charts out that stand in print without a reader's choice.

Every function takes entries of one track that have every condition (`suite.report.publication.tracks` chooses them),
and returns None where they hold nothing to draw. Drops are in percentage points, accuracies in percent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import Any, TypeAlias

import altair as alt

from suite.db.queries import Drop, RankingRow, Throughput
from suite.report.charts.style import OKABE_ITO, PANEL_HEIGHT, PANEL_WIDTH
from suite.report.references import plain
from suite.report.tables import drop_columns, in_order, mean_drop_over, setting_of
from suite.spec import ORIGINAL, PluginRef

MOST_ENTRIES, MOST_MODELS, MOST_PANELS, MOST_SERIES = 20, 12, 6, 8
"""What a figure shows at most; the first in the ranking's order are drawn, and its caption says so."""

PANELS_A_ROW = 2
WIDTH = 480
BAND_HEIGHT = 22
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]
WORSE, EVEN, BETTER, ON_COLOUR = "#E69F00", "#F7F7F7", "#56B4E9", "#000000"
BEST_CHOICE = "best for each"

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart
Values: TypeAlias = list[dict[str, Any]]
Mitigated: TypeAlias = Mapping[PluginRef, Mapping[PluginRef, RankingRow]]
"""Model -> mitigation -> entry, the unmitigated one first."""


def at_a_glance(rows: Sequence[RankingRow]) -> Chart | None:
    """Return each entry's mean drop, best first, and from which to which its drops at single settings reach."""
    names = entry_names(rows[:MOST_ENTRIES])
    values: Values = [
        {"entry": name, "mitigation": plain(row.mitigation.name), "mean": 100 * row.mean_drop, **reach(row)}
        for row, name in zip(rows, names, strict=False)
        if row.mean_drop is not None
    ]
    if not values:
        return None
    place = alt.Y("entry:N", title=None, sort=names)
    title = "drop, percentage points: mean over all settings, and the range of single ones"
    return layered(
        values,
        alt.Chart().mark_rule().encode(y=place, x=alt.X("least:Q", title=title), x2="most:Q"),
        points().encode(y=place, x="mean:Q", **kinds("mitigation", mitigation_names(rows))),
    ).properties(width=WIDTH, height=alt.Step(BAND_HEIGHT))


def loss_by_task(tracks: Mapping[str, Sequence[RankingRow]]) -> Chart | None:
    """Return the mean drop of the models without mitigation, task by task and codec by codec, from best to worst."""
    values: Values = [
        {"task": plain(name), "codec": codec, "mean": fsum(means) / len(means), "least": min(means), "most": max(means)}
        for name, rows in tracks.items()
        for codec, means in codec_means(unmitigated(rows)).items()
    ]
    if not values:
        return None
    place = alt.Y("codec:N", title=None, sort=in_order(each["codec"] for each in values))
    title = "mean drop without mitigation, percentage points; line: from the best to the worst model"
    bars = alt.Chart().mark_bar().encode(y=place, x=alt.X("mean:Q", title=title), color=alt.value(OKABE_ITO[5]))
    lines = alt.Chart().mark_rule(strokeWidth=2).encode(y=place, x="least:Q", x2="most:Q")
    panel = layered(values, bars, lines).properties(width=WIDTH, height=alt.Step(BAND_HEIGHT))
    tasks = alt.Row("task:N", title=None, sort=in_order(each["task"] for each in values), header=header(above=True))
    return panel.facet(row=tasks).resolve_scale(y="independent")


def mitigations(rows: Sequence[RankingRow]) -> Chart | None:
    """Return the mean drop of each model without and with each mitigation."""
    found = mitigated(rows)
    values: Values = [
        {"model": model, "mitigation": name, "mean": 100 * row.mean_drop}
        for model, name, row in named(found)
        if row.mean_drop is not None
    ]
    if not values:
        return None
    shown = in_order(each["mitigation"] for each in values)[:MOST_SERIES]
    bars = alt.Chart(alt.Data(values=[each for each in values if each["mitigation"] in shown])).mark_bar()
    return bars.encode(
        y=alt.Y("model:N", title=None, sort=in_order(each["model"] for each in values)),
        yOffset=alt.YOffset("mitigation:N", sort=shown, scale=alt.Scale(domain=shown, paddingInner=0.1)),
        x=alt.X("mean:Q", title="mean drop, percentage points"),
        color=colours("mitigation", shown),
    ).properties(width=WIDTH, height=alt.Step(BAND_HEIGHT))


def transfer(rows: Sequence[RankingRow]) -> Chart | None:
    """Return what each mitigation buys back for each model; None unless one serves several models."""
    found = mitigated(rows)
    uses = Counter(each for entries in found.values() for each in entries if each.name != ORIGINAL)
    if not any(count > 1 for count in uses.values()):
        return None
    values: Values = [
        {"model": model, "mitigation": name, "gained": gained, "text": f"{gained:+.2f}"}
        for model, name, row in named(found)
        if name != ORIGINAL and (gained := bought_back(found, row)) is not None
    ]
    most = max((abs(each["gained"]) for each in values), default=0.0) or 1.0
    scale = alt.Scale(domain=[-most, 0, most], range=[WORSE, EVEN, BETTER])
    base = alt.Chart().encode(
        x=alt.X("mitigation:N", title=None, axis=alt.Axis(labelAngle=-30)),
        y=alt.Y("model:N", title=None, sort=in_order(each["model"] for each in values)),
    )
    legend = alt.Legend(orient="bottom", direction="horizontal", gradientLength=200)
    return layered(
        values,
        base.mark_rect().encode(color=alt.Color("gained:Q", title="points bought back", scale=scale, legend=legend)),
        base.mark_text(color=ON_COLOUR).encode(text="text:N"),
    ).properties(width=alt.Step(90), height=alt.Step(26))


def multihead(rows: Sequence[RankingRow]) -> Chart | None:
    """Return single mitigations beside the best choice at each setting, for models that have two or more.

    That choice, made with the truth at hand, bounds what one network with a head a setting could reach.
    """
    found = {model: entries for model, entries in mitigated(rows).items() if len(entries) > 2}
    values = [value for model in list(found)[:MOST_PANELS] for value in choices(found, model)]
    if not values:
        return None
    by, _ = drop_columns(rows)
    codecs, series = in_order(each["place"] for each in values), in_order(each["choice"] for each in values)
    panel = points().encode(
        x=alt.X("place:N", title=by.removeprefix(", ").removeprefix("by "), sort=codecs, axis=alt.Axis(labelAngle=-30)),
        y=alt.Y("drop:Q", title="drop, percentage points"),
        xOffset=alt.XOffset("choice:N", sort=series),
        **kinds("choice", series),
    )
    return panels(panel.properties(data=alt.Data(values=values)), "model", values)


def choices(found: Mitigated, model: PluginRef) -> Values:
    """Return a model's drop by codec or setting with each mitigation, and with the best one of each setting."""
    entries = found[model]
    rows = list(entries.values())
    names = labels(entries)
    least = {
        key: min(drops) for key, drops in by_setting(rows).items() if len(drops) == len(rows)
    }  # a setting that one of them lacks says nothing of a choice
    shown = [(names[each], drops_of(row)) for each, row in list(entries.items())[: MOST_SERIES - 1]]
    return [
        {"model": labels(found)[model], "place": column.title, "choice": choice, "drop": 100 * fsum(known) / len(known)}
        for column in drop_columns(rows)[1]
        for choice, drops in [*shown, (f"{BEST_CHOICE} setting", least)]
        if (known := [drops[name] for name in column.settings if name in drops])
    ]


def throughput(timings: Iterable[tuple[str, Throughput]]) -> Chart | None:
    """Return images a second of (machine, timing) at batch 1 and at the best batch, with the range of the repeats."""
    values: Values = [
        {"entry": plain(str(timed)), "machine": machine, "batch": batch, "rate": rate.value}
        | {"low": rate.value if rate.low is None else rate.low, "high": rate.value if rate.high is None else rate.high}
        for machine, timed in timings
        for batch, name in (("batch 1", "images_per_second_at_1"), ("best batch", "images_per_second_at_best"))
        if (rate := timed.measure(name))
    ]
    values = [each for each in values if each["entry"] in in_order(of["entry"] for of in values)[:MOST_ENTRIES]]
    if not values:
        return None
    place = alt.Y("entry:N", title=None, sort=in_order(each["entry"] for each in values))
    scale = alt.Scale(type="log", nice=True)
    spread = alt.Chart().mark_rule().encode(y=place, x=alt.X("low:Q", title="images/s", scale=scale), x2="high:Q")
    marks = points().encode(y=place, x="rate:Q", **kinds("batch", ["batch 1", "best batch"]))
    panel = layered(values, spread, marks).properties(width=WIDTH, height=alt.Step(BAND_HEIGHT))
    machines = alt.Row("machine:N", title=None, header=header(above=True))
    return panel.facet(row=machines).resolve_scale(y="independent")


def rate_accuracy(rows: Sequence[RankingRow]) -> Chart | None:
    """Return the accuracy against the rate: a panel an entry, a line a codec with its 95 % interval."""
    shown = rows[:MOST_PANELS]
    values = [
        curve_point(name, row, drop)
        for row, name in zip(shown, entry_names(shown), strict=True)
        for drop in row.drops
        if drop.bits_per_pixel
    ]
    if not values:
        return None
    codecs = in_order(each["codec"] for each in values)
    axis = alt.Axis(labelOverlap="greedy", labelSeparation=8)
    rate = alt.X("rate:Q", title="rate, bits per pixel", scale=alt.Scale(type="log", nice=False), axis=axis)
    value = alt.Y("value:Q", title=f"{plain(rows[0].metric)}, %", scale=alt.Scale(zero=False))
    drawn = alt.Chart().encode(x=rate, color=colours("codec", codecs))
    lines = layered(
        values,
        alt.Chart().mark_rule(strokeDash=[4, 4]).encode(y=alt.Y("original:Q", aggregate="mean")),
        drawn.mark_area(opacity=0.12).encode(y="low:Q", y2="high:Q"),
        drawn.mark_line().encode(y=value),
        drawn.mark_point(filled=True, size=45, opacity=1).encode(y=value, shape=kinds("codec", codecs)["shape"]),
    )
    return panels(lines, "entry", values)


def curve_point(name: str, row: RankingRow, drop: Drop) -> dict[str, Any]:
    """Return one point of a curve in percent; without an interval it is its own."""
    low, high = (each if each is not None else drop.measure.value for each in (drop.measure.low, drop.measure.high))
    original = {} if row.reference is None else {"original": 100 * row.reference.value}
    return {
        "entry": name,
        "codec": plain(drop.codec),
        "rate": drop.bits_per_pixel,
        "value": 100 * drop.measure.value,
        "low": 100 * low,
        "high": 100 * high,
        **original,
    }


def entry_names(rows: Sequence[RankingRow]) -> list[str]:
    """Return the entries' names; versions tell apart what shares one."""
    models, others = labels(row.model for row in rows), labels(row.mitigation for row in rows)
    return [
        models[row.model] if row.mitigation.name == ORIGINAL else f"{models[row.model]} + {others[row.mitigation]}"
        for row in rows
    ]


def labels(refs: Iterable[PluginRef]) -> dict[PluginRef, str]:
    """Return plugins' names, with version and digest where several share a name."""
    found = list(dict.fromkeys(refs))
    shared = Counter(ref.name for ref in found)
    return {
        ref: plain(ref.name if shared[ref.name] == 1 else f"{ref} {ref.digest.removeprefix('sha256:')[:6]}")
        for ref in found
    }


def mitigation_names(rows: Iterable[RankingRow]) -> list[str]:
    """Return the mitigations' names, that of none first."""
    return in_order([ORIGINAL, *(plain(row.mitigation.name) for row in rows)])


def unmitigated(rows: Iterable[RankingRow]) -> list[RankingRow]:
    """Return the entries without a mitigation."""
    return [row for row in rows if row.mitigation.name == ORIGINAL]


def mitigated(rows: Sequence[RankingRow]) -> Mitigated:
    """Return the first models, in order, that were measured without and with a mitigation."""
    found: dict[PluginRef, dict[PluginRef, RankingRow]] = {
        row.model: {row.mitigation: row} for row in unmitigated(rows)
    }
    for row in rows:
        if row.model in found:
            found[row.model].setdefault(row.mitigation, row)
    several = [model for model, entries in found.items() if len(entries) > 1]
    return {model: found[model] for model in several[:MOST_MODELS]}


def named(found: Mitigated) -> list[tuple[str, str, RankingRow]]:
    """Return (model, mitigation, entry) by what they are called."""
    models = labels(found)
    others = labels(each for entries in found.values() for each in entries)
    return [(models[model], others[each], row) for model, entries in found.items() for each, row in entries.items()]


def bought_back(found: Mitigated, row: RankingRow) -> float | None:
    """Return how much less an entry loses than its model does without mitigation, in points."""
    (plain_row, *_) = found[row.model].values()
    if plain_row.mean_drop is None or row.mean_drop is None:
        return None
    return 100 * (plain_row.mean_drop - row.mean_drop)


def codec_means(rows: Iterable[RankingRow]) -> dict[str, list[float]]:
    """Return each codec's mean drops in points, one an entry."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for codec in in_order(drop.codec for drop in row.drops):
            settings = {setting_of(drop) for drop in row.drops if drop.codec == codec}
            mean = mean_drop_over(row, settings)
            if mean is not None:
                found[plain(codec)].append(100 * mean)
    return found


def reach(row: RankingRow) -> dict[str, float]:
    """Return the smallest and the largest drop at one setting, in points."""
    drops = [100 * drop.drop for drop in row.drops if drop.drop is not None]
    return {"least": min(drops), "most": max(drops)} if drops else {}


def drops_of(row: RankingRow) -> dict[str, float]:
    """Return an entry's drops by setting, fractions."""
    return {setting_of(drop): drop.drop for drop in row.drops if drop.drop is not None}


def by_setting(rows: Iterable[RankingRow]) -> dict[str, list[float]]:
    """Return all entries' drops by setting, fractions."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, drop in drops_of(row).items():
            found[name].append(drop)
    return found


def points() -> alt.Chart:
    """Return filled marks."""
    return alt.Chart().mark_point(filled=True, size=70, opacity=1)


def layered(values: Values, *layers: alt.Chart) -> alt.LayerChart:
    """Return layers that share their data."""
    return alt.layer(*layers, data=alt.Data(values=values))


def panels(chart: alt.Chart | alt.LayerChart, by: str, values: Values) -> alt.FacetChart:
    """Return a small multiple a value of ``by``, in the order of ``values``."""
    panel = chart.properties(width=PANEL_WIDTH, height=PANEL_HEIGHT)
    facet = alt.Facet(f"{by}:N", title=None, sort=in_order(each[by] for each in values), header=header())
    return panel.facet(facet=facet, columns=PANELS_A_ROW)


def header(*, above: bool = False) -> alt.Header:
    """Return how a panel is headed; ``above`` for panels in one column, else Vega-Lite writes beside them."""
    return alt.Header(labelOrient="top", labelAnchor="start" if above else "middle", labelAngle=0, labelLimit=0)


def colours(field: str, domain: Sequence[str]) -> alt.Color:
    """Return a colour a value, the legend below."""
    scale = alt.Scale(domain=list(domain), range=OKABE_ITO)
    return alt.Color(f"{field}:N", title=field, scale=scale, legend=legend_below())


def kinds(field: str, domain: Sequence[str]) -> dict[str, Any]:
    """Return a colour and a shape a value, so that no reader depends on colour alone."""
    scale = alt.Scale(domain=list(domain), range=SHAPES)
    shape = alt.Shape(f"{field}:N", title=field, scale=scale, legend=legend_below())
    return {"color": colours(field, domain), "shape": shape}


def legend_below() -> alt.Legend:
    """Return a legend below the figure that cuts no name."""
    return alt.Legend(orient="bottom", columns=4, labelLimit=0, symbolOpacity=1)
