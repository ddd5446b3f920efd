"""Two entries side by side, laid out for a page: who can be compared, and the comparison as typed columns."""

from __future__ import annotations

from collections.abc import Sequence

from suite.report.board.columns import Columns
from suite.report.board.standing import Standing
from suite.report.comparison import METRICS, Comparison
from suite.report.tables import entry_of, in_order


def names_on(standing: Standing, track: str) -> list[str]:
    """Return the names of a track's entries, each once, in a ranking's order."""
    rows = zip(standing.entries.rows, standing.track_names, strict=True)
    return in_order(entry_of(row) for row, name in rows if name == track)


def machines_of_both(standing: Standing, track: str, names: tuple[str, str]) -> list[str]:
    """Return the digests of the environments that both entries were measured on, on a track."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for row, on in zip(standing.entries.rows, standing.track_names, strict=True):
        if on == track and (name := entry_of(row)) in found:
            found[name].add(row.environment)
    return sorted(set.intersection(*found.values()))


def metrics_on(standing: Standing, track: str) -> list[str]:
    """Return what entries of a track can be compared by, the ranking's metric first."""
    row = standing.entries.rows[standing.track_names.index(track)]
    return in_order([row.metric, *(METRICS[row.task].METRICS if row.task in METRICS else ())])


def of_track(found: Sequence[Comparison], track: str) -> list[Comparison]:
    """Return the comparisons that are on a track (see `standing.track_name`)."""
    return [each for each in found if track.startswith(f"{each.task} on {each.dataset.name}, {each.split} (")]


def comparison_columns(found: Comparison) -> Columns:
    """Return the conditions compared: values in percent, differences (first minus second) in percentage points."""
    rows = found.conditions
    return {
        "condition": [row.condition for row in rows],
        f"{found.first}, %": [100 * row.first for row in rows],
        f"{found.second}, %": [100 * row.second for row in rows],
        "difference, points": [100 * row.difference.value for row in rows],
        "low, points": [100 * row.difference.low for row in rows],
        "high, points": [100 * row.difference.high for row in rows],
        "only the first right": [row.discordant.only_first for row in rows],
        "only the second right": [row.discordant.only_second for row in rows],
        "p-value": [row.difference.p_value for row in rows],
        "p-value, Holm": [row.corrected_p_value for row in rows],
    }
