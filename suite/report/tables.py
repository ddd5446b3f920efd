"""Rankings as plain tables of text: the command line, the board and the README show the same ones.

Fractions are shown in percent, drops in percentage points.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import fsum
from typing import NamedTuple, TypeAlias

from suite.db.queries import Drop, EntryRow, Ranking, RankingRow
from suite.report.badges import Badges, badge_of
from suite.spec import ORIGINAL, Measure

NOTHING = "-"


class TextTable(NamedTuple):
    """A table of text; ``notes`` stand below it, a line each."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


class Standing(NamedTuple):
    """How much an entry's rank says: its tie group, and the best and worst rank of its 95 % interval."""

    group: int
    best: int
    worst: int


Standings: TypeAlias = Mapping[int, Standing]
"""What is known of ranked rows, by their ``result_id``."""


def tables_of(
    label: str, ranking: Ranking, standings: Standings | None = None, badges: Badges | None = None
) -> list[TextTable]:
    """Return the tables of a ranking: the ranked, the others with their reasons, and what each setting costs."""
    tables = []
    for title, rows in (("ranking", ranking.ranked), ("not ranked", ranking.unranked)):
        if rows:
            table = with_badges(ranking_table(f"{label}: {title}", rows), rows, badges or {})
            tables.append(with_standings(table, rows, (standings or {}) if rows is ranking.ranked else {}))
    shown = ranking.ranked or ranking.unranked
    return [*tables, curve_table(label, shown)] if any(row.drops for row in shown) else tables


def with_standings(table: TextTable, rows: Sequence[RankingRow], standings: Standings) -> TextTable:
    """Put tie groups and rank intervals behind the rank, where they are known."""
    if not standings:
        return table
    found = [standings.get(row.result_id) for row in rows]
    cells = [(str(each.group), f"{each.best} to {each.worst}") if each else (NOTHING, NOTHING) for each in found]
    body = tuple((row[0], *more, *row[1:]) for row, more in zip(table.rows, cells, strict=True))
    columns = (table.columns[0], "tied", "ranks, 95 %", *table.columns[1:])
    return TextTable(table.title, columns, body, (TIED, *table.notes))


def with_badges(table: TextTable, rows: Sequence[RankingRow], badges: Badges) -> TextTable:
    """Put badges behind the entries' names where any was verified, and below by whom and when."""
    found = [badge_of(badges, row) for row in rows]
    if not any(found):
        return table
    at = table.columns.index("entry") + 1
    words = [each.word if each else NOTHING for each in found]
    body = tuple((*row[:at], word, *row[at:]) for row, word in zip(table.rows, words, strict=True))
    notes = tuple(f"{entry_of(row)}: {each}" for row, each in zip(rows, found, strict=True) if each)
    return TextTable(table.title, (*table.columns[:at], "badge", *table.columns[at:]), body, (*table.notes, *notes))


TIED = (
    "tied: entries with one number cannot all be told apart on these images (paired bootstrap of the mean drop, Holm); "
    "those with another number can"
)


class Column(NamedTuple):
    """A column of drops: what stands above it, and the settings whose mean drop it shows."""

    title: str
    settings: tuple[str, ...]


def ranking_table(title: str, rows: Sequence[RankingRow]) -> TextTable:
    """Return entries with the original's value, the mean drop, and the drop at each setting or, of several, codec."""
    by, drops = drop_columns(rows)
    metric = ", ".join(in_order(row.metric for row in rows))
    columns = ("#", "entry", "images", f"{metric} %, original [95 %]", "mean drop", *(each.title for each in drops))
    body = [
        (
            str(row.rank or NOTHING),
            entry_of(row),
            f"{row.samples:,}",
            interval(row.reference),
            points(row.mean_drop),
            *(points(mean_drop_over(row, column.settings)) for column in drops),
        )
        for row in rows
    ]
    return TextTable(f"{title}; drops in percentage points{by}", columns, tuple(body), reasons(rows))


def drop_columns(rows: Sequence[RankingRow]) -> tuple[str, list[Column]]:
    """Return what the columns of drops stand for, and the columns: one a setting, or one a codec if there are more."""
    settings: dict[str, dict[str, None]] = {}
    for drop in (drop for row in rows for drop in row.drops):
        settings.setdefault(f"{drop.codec} {drop.parameter}", {})[setting_of(drop)] = None
    if len(settings) == 1:
        ((common, names),) = settings.items()
        return f", by {common}", [Column(name.rpartition(" ")[2], (name,)) for name in names]
    means = [Column(common.rpartition(" ")[0], tuple(names)) for common, names in settings.items()]
    return ", means over each codec's settings" if means else "", means


def curve_table(label: str, rows: Sequence[RankingRow]) -> TextTable:
    """Return what each setting costs: its rate and fidelity, then each entry's value and drop."""
    settings = in_order(setting_of(drop) for row in rows for drop in row.drops)
    first = {setting_of(drop): drop for row in reversed(rows) for drop in row.drops}
    columns = ("setting", "bpp", "PSNR, dB", "SSIM", *(entry_of(row) for row in rows))
    body = [(name, *fidelity(first[name]), *(value_and_drop(row, name) for row in rows)) for name in settings]
    original = ("original", *[NOTHING] * 3, *(percent(row.reference) for row in rows))
    metric = ", ".join(in_order(row.metric for row in rows))
    return TextTable(f"{label}: {metric} in % (drop in points) by setting", columns, (original, *body))


def reasons(rows: Sequence[RankingRow]) -> tuple[str, ...]:
    """Return why rows have no rank; entries with one reason share a line."""
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.rank is None:
            by_reason.setdefault(row.why_unranked, []).append(entry_of(row))
    return tuple(f"{', '.join(entries)}: {reason}" for reason, entries in by_reason.items())


def entry_of(row: EntryRow) -> str:
    """Return an entry's name."""
    return row.model.name if row.mitigation.name == ORIGINAL else f"{row.model.name} + {row.mitigation.name}"


def setting_of(drop: Drop) -> str:
    """Return a setting's name; the codec's too, as a protocol may have several."""
    return f"{drop.codec} {drop.parameter} {drop.value}"


def in_order(names: Iterable[str]) -> list[str]:
    """Return names once each, as they first come."""
    return list(dict.fromkeys(names))


def mean_drop_over(row: RankingRow, settings: Collection[str]) -> float | None:
    """Return an entry's mean drop over settings, None where it lacks one of them."""
    found = [drop.drop for drop in row.drops if setting_of(drop) in settings and drop.drop is not None]
    return fsum(found) / len(found) if found and len(found) == len(settings) else None


def value_and_drop(row: RankingRow, name: str) -> str:
    """Return an entry's value at a setting with its drop."""
    found = next((drop for drop in row.drops if setting_of(drop) == name), None)
    return NOTHING if found is None else f"{percent(found.measure)} ({points(found.drop)})"


def fidelity(drop: Drop) -> tuple[str, str, str]:
    """Return a setting's rate and fidelity."""
    shown = ((drop.bits_per_pixel, 3), (drop.psnr_db, 2), (drop.ssim, 4))
    rate, psnr, ssim = (NOTHING if value is None else f"{value:.{digits}f}" for value, digits in shown)
    return rate, psnr, ssim


def percent(measure: Measure | None) -> str:
    """Return a measure in percent."""
    return NOTHING if measure is None else f"{100 * measure.value:.2f}"


def interval(measure: Measure | None) -> str:
    """Return a measure in percent, with its interval where it has one."""
    if measure is None or measure.low is None or measure.high is None:
        return percent(measure)
    return f"{percent(measure)} [{100 * measure.low:.1f}, {100 * measure.high:.1f}]"


def points(drop: float | None) -> str:
    """Return a drop in percentage points; negative is a gain."""
    return NOTHING if drop is None else f"{100 * drop:+.2f}".replace("-0.00", "+0.00")
