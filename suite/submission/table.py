"""What a submission measured beside its references, as Markdown: for its README and for the pull request's comment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from suite.submission.codec_table import codec_table
from suite.submission.gate.problem import Problem
from suite.submission.markdown import MARKER, MOST_BYTES, code
from suite.submission.records import Results, Row
from suite.submission.table_text import NOTHING, ORIGINAL, line, rate_of_row, value_of

MOST_ENTRIES = 8
MOST_PROBLEMS = 30


class Entry(NamedTuple):
    """A model with a mitigation, as rows name them."""

    model: str
    mitigation: str

    def __str__(self) -> str:
        return self.model if self.mitigation == "none" else f"{self.model} + {self.mitigation}"


def table_of(results: Results) -> str:
    """Return what each setting costs, in Markdown, a table a dataset: rate, then each entry's accuracy and drop.

    The entry submitted comes first, its references after it; fractions in percent, drops in percentage points. Of a
    submitted codec see `suite.submission.codec_table`.
    """
    datasets = dict.fromkeys(row.dataset for row in results.rows)
    if results.plugin.kind == "codec":
        return "\n".join(codec_table(dataset, results) for dataset in datasets)
    tables = (table_on(dataset, [row for row in results.rows if row.dataset == dataset]) for dataset in datasets)
    return "\n".join(tables)


def table_on(dataset: str, rows: Sequence[Row]) -> str:
    """Return the table of one dataset."""
    entries = list(dict.fromkeys(Entry(row.model, row.mitigation) for row in rows))
    settings = list(dict.fromkeys((row.codec, row.setting) for row in rows))
    found = {(row.codec, row.setting, Entry(row.model, row.mitigation)): row for row in rows}
    originals = {entry: row for (_, setting, entry), row in found.items() if setting == ORIGINAL}
    shown = entries[:MOST_ENTRIES]
    metric = next((row.measures[0].name for row in rows if row.measures), NOTHING)
    more = f" The first {len(shown)} of {len(entries)} entries." if len(entries) > len(shown) else ""
    body = [
        [
            setting_of(*key),
            rate_of(found, key, entries),
            *(value_of(found.get((*key, e)), originals.get(e)) for e in shown),
        ]
        for key in settings
    ]
    return "\n".join(
        [
            f"{code(metric)} on {code(dataset)} in percent, drops in percentage points.{more}",
            "",
            line(["setting", "bits per pixel", *(code(str(entry)) for entry in shown)]),
            line(["---", *["---:"] * (1 + len(shown))]),
            *map(line, body),
            "",
        ]
    )


def setting_of(codec: str, setting: str) -> str:
    """Return what a codec was asked for."""
    return ORIGINAL if setting == ORIGINAL else code(f"{codec} {setting}")


def rate_of(found: Mapping[tuple[str, str, Entry], Row], key: tuple[str, str], entries: Sequence[Entry]) -> str:
    """Return the rate of a condition: any of its rows has it."""
    rates = (rate_of_row(found.get((*key, entry))) for entry in entries)
    return next((rate for rate in rates if rate != NOTHING), NOTHING)


def comment_of(problems: Sequence[Problem], changed: Mapping[str, Results | None]) -> str:
    """Return the comment on a change: what stands against it, then a table for each submission.

    At most `suite.submission.markdown.MOST_BYTES` long: tables that no longer fit are left out, and that is said.
    """
    parts = [MARKER, *verdict(problems)]
    for name, results in changed.items():
        table = ["", f"### {code(name)}", "", table_of(results) if results else "Its results cannot be read."]
        if len("\n".join([*parts, *table])) > MOST_BYTES - 200:
            parts += ["", "More tables are left out: the comment would be too long."]
            break
        parts += table
    return "\n".join(parts) + "\n"


def verdict(problems: Sequence[Problem]) -> list[str]:
    """Return what stands against a change, line by line."""
    if not problems:
        return ["## Submissions: every rule is kept"]
    more = len(problems) - MOST_PROBLEMS
    return [
        f"## Submissions: {len(problems)} problems",
        "",
        *(f"- {code(each.rule)} {code(each.path)}: {code(each.message)}" for each in problems[:MOST_PROBLEMS]),
        *([f"- and {more} more"] if more > 0 else []),
    ]
