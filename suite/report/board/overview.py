"""What a reader of a board wants to know first: how much there is, what is lost, what is new, and model by model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from suite.report.board.columns import Columns, percents
from suite.report.board.conditions import rate_text
from suite.report.board.names import Names, by_model, plain_first
from suite.report.board.selection import Mask, images_per_second, mean_rates
from suite.report.board.standing import Standing
from suite.report.tables import points
from suite.spec import ORIGINAL


class Headline(NamedTuple):
    """A number with what it is; ``whose`` says which entry and condition it is of, and may hold a plugin's words."""

    title: str
    value: str
    whose: str = ""


class Ordinate(NamedTuple):
    """What a point's place on an axis is: the drop that a model has with a mitigation, over some conditions."""

    mitigation: str
    name: str
    columns: Mask

    @property
    def title(self) -> tuple[str, str]:
        """The two lines at the axis."""
        return f"drop with {self.mitigation}, percentage points", self.name


def counts(standing: Standing) -> list[Headline]:
    """Return how much has been measured."""
    rows = standing.entries.rows
    ranked = sum(row.rank is not None for row in rows)
    mitigations = {row.mitigation.name for row in rows} - {ORIGINAL}
    return [
        Headline("Entries", f"{len(rows):,}"),
        Headline("Ranked", f"{ranked:,}"),
        Headline("Models", f"{len({row.model.name for row in rows}):,}"),
        Headline("Mitigations", f"{len(mitigations):,}"),
        Headline("Codecs", f"{len({on.codec for on in standing.entries.conditions}):,}"),
        Headline("Settings", f"{len(standing.entries.conditions):,}"),
        Headline("Results", f"{standing.protocol.results:,}"),
    ]


def losses(standing: Standing, names: Names, track: str) -> list[Headline]:
    """Return the worst and the least that is lost on a track; of its ranked entries, or of all where none is."""
    places = compared_places(standing, track)
    drops, every = standing.entries.drops, np.ones(len(standing.entries.conditions), bool)
    found = []
    if (lowest := lowest_rate(standing, drops[places])) is not None:
        at = f"at {rate_text(standing, lowest)}"
        found += [
            extreme("Worst drop at the lowest rate", -drops[:, lowest], places, names, sign=-1, more=at),
            extreme("Least drop at the lowest rate", drops[:, lowest], places, names, more=at),
        ]
    found.append(extreme("Least mean drop", standing.mean_drops(every), places, names, more="over all settings"))
    found.append(most_recovered(standing.recovered(every), places, names))
    return [each for each in found if each is not None]


def compared_places(standing: Standing, track: str) -> NDArray[np.intp]:
    """Return the places of a track's ranked entries, or of all its entries where none has a rank."""
    rows = standing.entries.rows
    places = [place for place, on in enumerate(standing.track_names) if on == track]
    return np.array([place for place in places if rows[place].rank] or places, np.intp)


def lowest_rate(standing: Standing, drops: NDArray[np.float64]) -> int | None:
    """Return the condition of the lowest mean rate under which any of ``drops`` is known."""
    rates = np.where(np.isnan(drops).all(axis=0), np.nan, mean_rates(standing)) if len(drops) else np.array([np.nan])
    return None if np.isnan(rates).all() else int(np.nanargmin(rates))


def extreme(
    title: str, values: NDArray[np.float64], places: NDArray[np.intp], names: Names, *, sign: int = 1, more: str
) -> Headline | None:
    """Return the least of some values, fractions, and whose it is; ``sign`` is what it is shown times."""
    known = places[~np.isnan(values[places])]
    if not len(known):
        return None
    best = int(known[np.argmin(values[known])])
    return Headline(title, f"{points(sign * float(values[best]))} points", f"{names.entries[best]}, {more}")


def most_recovered(recovered: NDArray[np.float64], places: NDArray[np.intp], names: Names) -> Headline | None:
    """Return which mitigation buys back the largest part of a model's mean drop."""
    known = places[~np.isnan(recovered[places])]
    if not len(known):
        return None
    best = int(known[np.argmax(recovered[known])])
    value = f"{100 * recovered[best]:.1f} %"
    return Headline("Most of the mean drop recovered", value, f"{names.entries[best]}, over all settings")


def newest_columns(standing: Standing, names: Names, count: int = 10) -> Columns:
    """Return the entries that were measured last, the newest first; drops in percentage points."""
    rows = standing.entries.rows
    order = sorted(range(len(rows)), key=lambda place: rows[place].age, reverse=True)[:count]
    drops = standing.mean_drops(np.ones(len(standing.entries.conditions), bool))
    return {
        "measured": [rows[place].created_at for place in order],
        "entry": [names.entries[place] for place in order],
        "rank": [rows[place].rank for place in order],
        "mean drop, points": percents(drops[order]),
        "track": [standing.track_names[place] for place in order],
        "why it has no rank": [rows[place].why_unranked for place in order],
    }


def scatter_points(standing: Standing, names: Names, x: Ordinate, y: Ordinate) -> list[dict[str, Any]]:
    """Return a point for each model that has both drops, the best first; drops in percentage points.

    Of a track where some entries have a rank, only those count.
    """
    across, upwards = standing.mean_drops(x.columns), standing.mean_drops(y.columns)
    found = []
    for track in standing.tracks:
        compared = set(map(int, compared_places(standing, track)))
        for model, places in by_model(standing, names, track).items():
            one, other = places.get(x.mitigation, -1), places.get(y.mitigation, -1)
            if {one, other} <= compared and not np.isnan([across[one], upwards[other]]).any():
                speed = images_per_second(standing, standing.entries.rows[other])
                found.append(
                    {
                        "model": model,
                        "task": str(standing.entries.rows[one].task),
                        "track": track,
                        "x": round(100 * float(across[one]), 4),
                        "y": round(100 * float(upwards[other]), 4),
                        "images_per_second": speed,
                    }
                )
    return found


def scatter_columns(drawn: Sequence[dict[str, Any]], x: Ordinate, y: Ordinate) -> Columns:
    """Return the points as a table."""
    titles = {"model": "model", "track": "track", "x": ": ".join(x.title), "y": ": ".join(y.title)}
    if x.title == y.title:
        titles.pop("y")
    titles["images_per_second"] = "images/s"
    return {title: [each[name] for each in drawn] for name, title in titles.items()}


def by_use(standing: Standing, names: Names) -> list[str]:
    """Return the mitigations: none first, then those of most models."""
    count = Counter(names.mitigations[place] for track in standing.tracks for place in compared_places(standing, track))
    return plain_first(sorted(dict.fromkeys(names.mitigations), key=lambda name: -count[name]))
