"""Which entries of a standing a publication lists, and which of them its figures draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from suite.db.queries import EntryRow, Ranking, RankingRow
from suite.db.ranking import DRAFT
from suite.report.board.standing import Standing
from suite.report.charts.figures import MOST_MODELS

MOST_LISTED = 1000
"""So many entries of a track are in its tables, and so many are considered for its figures."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """One task on one dataset. ``ranking`` is what the tables list; ``drawn`` are the entries in figures, best first.

    ``entries`` and ``drawable`` count them all, with those beyond `MOST_LISTED`.
    """

    name: str
    ranking: Ranking
    drawn: tuple[RankingRow, ...]
    entries: int
    drawable: int


def tracks_of(standing: Standing) -> list[Track]:
    """Return the tracks of a standing as they first come."""
    return [track_of(standing, name) for name in standing.tracks]


def track_of(standing: Standing, name: str) -> Track:
    """Return one track."""
    places = [place for place, of in enumerate(standing.track_names) if of == name]
    rows = standing.entries.rows
    drawn = drawable([(place, rows[place]) for place in places])
    return Track(
        name=name,
        ranking=Ranking.of(map(standing.entries.row, places[:MOST_LISTED])),
        drawn=tuple(map(standing.entries.row, chosen(standing, drawn))),
        entries=len(places),
        drawable=len(drawn),
    )


def drawable(rows: Sequence[tuple[int, EntryRow]]) -> list[int]:
    """Return the places of the entries whose numbers can stand in one figure, the smallest mean drop first.

    Those are the ranked ones; of a draft's those that lack nothing but a release: of all samples, under every
    condition, on the samples that were measured last, each model and mitigation once, as it was measured last.
    """
    whole = [(place, row) for place, row in rows if row.why_unranked in ("", DRAFT) and row.mean_drop is not None]
    if not whole:
        return []
    _, newest = max(whole, key=lambda each: each[1].age)
    alike = [(place, row) for place, row in whole if (row.manifest, row.samples) == (newest.manifest, newest.samples)]
    last = {(row.model, row.mitigation): place for place, row in sorted(alike, key=lambda each: each[1].age)}
    return [place for place, row in sorted(alike, key=by_rank) if last[row.model, row.mitigation] == place]


def by_rank(each: tuple[int, EntryRow]) -> tuple[float, int]:
    """Return what orders entries: the rank, or without one the mean drop."""
    place, row = each
    return (row.rank if row.rank is not None else row.mean_drop or 0.0), place


def chosen(standing: Standing, places: Sequence[int]) -> list[int]:
    """Return the first places, and after them all entries of the first models, which figures of mitigations compare."""
    rows = standing.entries.rows
    models = list(dict.fromkeys(rows[place].model for place in places))[:MOST_MODELS]
    companions = [place for place in places if rows[place].model in models]
    wanted = {*places[:MOST_LISTED], *companions[:MOST_LISTED]}
    return [place for place in places if place in wanted]
