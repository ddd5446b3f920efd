"""What stands in one place of a submission's table: a line, a rate, an accuracy with its interval or drop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from suite.spec import Measure
from suite.submission.records import Row

NOTHING = "-"
ORIGINAL = "original"


def line(cells: Iterable[str]) -> str:
    """Return one line of a table."""
    return f"| {' | '.join(cells)} |"


def setting_value(setting: str) -> str:
    """Return the value of a setting such as ``quality=75``."""
    return setting.partition("=")[2]


def original_of(rows: Sequence[Row]) -> Row | None:
    """Return the row of the originals."""
    return next((row for row in rows if row.setting == ORIGINAL), None)


def rate_of_row(row: Row | None) -> str:
    """Return the rate that a row measured."""
    measures = row.measures if row else ()
    return next((f"{measure.value:.3f}" for measure in measures if measure.name == "bits_per_pixel"), NOTHING)


def value_of(row: Row | None, original: Row | None) -> str:
    """Return an entry's accuracy at one setting; behind it its interval on the originals, its drop elsewhere."""
    if row is None or not row.measures:
        return NOTHING if row is None else row.status
    value = row.measures[0]
    if row.setting == ORIGINAL:
        return f"{100 * value.value:.2f}{interval(value)}"
    drop = f" ({100 * (original.measures[0].value - value.value):+.2f})" if original and original.measures else ""
    return f"{100 * value.value:.2f}{drop}"


def interval(measure: Measure) -> str:
    """Return a measure's 95 % interval in percent."""
    if measure.low is None or measure.high is None:
        return ""
    return f" ({100 * measure.low:.1f} to {100 * measure.high:.1f})"
