"""What a submitted codec measured beside the protocol's own at the same target rates: table, sums and chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from suite.metrics import rate
from suite.metrics.rate import Point, Summary
from suite.submission.markdown import code
from suite.submission.records import Results, Row
from suite.submission.table_text import NOTHING, line, original_of, rate_of_row, setting_value, value_of


def codec_table(dataset: str, results: Results) -> str:
    """Return the table of one dataset in Markdown, a line a target rate, and what the curves sum up to.

    Accuracy in percent, behind it the drop in percentage points; each codec with the rate that was measured.
    """
    rows = [row for row in results.rows if row.dataset == dataset]
    own, other = codecs_of(results, rows)
    original = original_of(rows)
    metric = next((row.measures[0].name for row in rows if row.measures), NOTHING)
    heads = [f"{code(codec)} {what}" for codec in (own, other) for what in ("bits per pixel", "accuracy")]
    found = {(row.codec, row.setting): row for row in rows}
    asked = dict.fromkeys(row.setting for row in rows if row.codec == own)
    body = [
        [code(setting_value(setting)), *beside([found.get((codec, setting)) for codec in (own, other)], original)]
        for setting in asked
    ]
    said = f"{code(metric)} on {code(dataset)} in percent, drops in percentage points."
    return "\n".join(
        [
            f"{said} On the originals: {value_of(original, None)}.",
            "",
            line(["target, bits per pixel", *heads]),
            line(["---:"] * (1 + len(heads))),
            *map(line, body),
            "",
            *sums(rows, own, other),
            "",
        ]
    )


def codecs_of(results: Results, rows: Sequence[Row]) -> tuple[str, str]:
    """Return the submitted codec and the one beside it."""
    own = results.plugin.name
    return own, next((row.codec for row in rows if row.codec not in (own, "none")), NOTHING)


def beside(rows: Sequence[Row | None], original: Row | None) -> list[str]:
    """Return the cells of one line: of each codec the rate measured and the accuracy."""
    return [cell for row in rows for cell in (rate_of_row(row), value_of(row, original))]


def sums(rows: Sequence[Row], own: str, other: str) -> Iterator[str]:
    """Yield what the curves sum up to, as `suite.metrics.rate` has it, or why that cannot be had."""
    curves = [points_of(rows, codec) for codec in (other, own)]
    saved, gained = rate.bd_rate_percent(*curves), rate.bd_accuracy(*curves)
    yield f"- BD-rate against {code(other)}: {shown(saved, 1, 'percent')}"
    yield f"- BD-accuracy against {code(other)}: {shown(gained, 100, 'points')}"


def points_of(rows: Sequence[Row], codec: str) -> list[Point]:
    """Return a codec's curve: rates and accuracies as measured."""
    measures = [{m.name: m.value for m in row.measures} for row in rows if row.codec == codec and row.measures]
    firsts = [row.measures[0].value for row in rows if row.codec == codec and row.measures]
    return [Point(each["bits_per_pixel"], value) for each, value in zip(measures, firsts, strict=True)]


def shown(summary: Summary, scale: int, unit: str) -> str:
    """Return a sum, or why there is none."""
    if summary.value is None:
        return code(summary.reason)
    return f"{scale * summary.value:+.2f} {unit}"


def codec_chart(results: Results) -> Iterator[str]:
    """Yield a chart in Mermaid: the submitted codec's accuracy at each target rate, then that of the one beside it."""
    rows = [row for row in results.rows if row.measures]
    own, other = codecs_of(results, rows)
    settings = list(dict.fromkeys(row.setting for row in rows if row.codec == own))
    if len(settings) < 2:
        return
    yield from ("```mermaid", "xychart-beta", f'title "{own}, then {other}: accuracy in percent"')
    yield from (f"x-axis [{', '.join(map(setting_value, settings))}]", 'y-axis "percent"')
    for codec in (own, other):
        found = {row.setting: row.measures[0].value for row in rows if row.codec == codec}
        yield f"line [{', '.join(f'{100 * found.get(setting, 0.0):.2f}' for setting in settings)}]"
    yield from ("```", "")
