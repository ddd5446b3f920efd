"""What of a standing a reader wants to see: which conditions, which entries, in which order, and what that hides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from suite.db.queries import DEVIATING, EntryRow
from suite.errors import UsageError, nearest
from suite.report.board.standing import Standing
from suite.report.tables import entry_of

Mask = NDArray[np.bool_]
UNSTATED = "not stated"
UNVERIFIED = "nobody has made its predictions again with the same outcome"
UNREPRODUCED = "no other machine has measured it with the same values"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A reader's choice; what is empty or None leaves nothing out.

    ``codecs`` and ``settings`` (names such as ``"jpeg quality 10"``) choose conditions; ``rates`` is the lowest and the
    highest mean rate of a condition, in bits per pixel. The others choose entries: ``name`` is a part of the name,
    ``most_parameters`` in millions; ``ranked`` leaves out those without a rank, ``conformant`` those of machines whose
    codecs do not conform, ``verified`` those without that badge, ``reproduced`` those that no other machine has
    measured alike. ``order`` is one of `ORDERS`.
    """

    track: str = ""
    codecs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    rates: tuple[float, float] | None = None
    name: str = ""
    mitigations: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    most_parameters: float | None = None
    ranked: bool = False
    conformant: bool = False
    verified: bool = False
    reproduced: bool = False
    order: str = "rank"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a choice leaves: ``places`` of the entries in order, a mask of the conditions, and why others are hidden."""

    places: NDArray[np.intp]
    columns: Mask
    hidden: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Reason -> places of the entries that it hides; each entry under the first reason that does."""


def select(standing: Standing, wanted: Wanted) -> Selection:
    """Return what ``wanted`` leaves of a standing. Raises UsageError for a track or an order that there is not."""
    rows = standing.entries.rows
    on_track = np.array([name == track_of(standing, wanted) for name in standing.track_names], bool)
    columns = chosen_columns(standing, wanted)
    visible = on_track.copy()
    hidden: dict[str, tuple[int, ...]] = {}
    for reason, kept in masks(standing, wanted):
        hidden[reason] = tuple(map(int, np.flatnonzero(visible & ~kept)))
        visible &= kept
    for reason, keeps in reasons(standing, wanted):
        gone = [place for place in np.flatnonzero(visible) if not keeps(rows[place])]
        visible[gone] = False
        hidden[reason] = tuple(map(int, gone))
    named = {reason: places for reason, places in hidden.items() if places}
    return Selection(places=ordered(standing, wanted, visible, columns), columns=columns, hidden=named)


def track_of(standing: Standing, wanted: Wanted) -> str:
    """Return the chosen track, or the first. Raises UsageError."""
    if wanted.track and wanted.track not in standing.tracks:
        raise UsageError(
            f"No results are on the track '{wanted.track[:200]}'. {nearest(wanted.track, standing.tracks)}"
        )
    return wanted.track or next(iter(standing.tracks), "")


def chosen_columns(standing: Standing, wanted: Wanted) -> Mask:
    """Return which conditions are chosen, shape (conditions,)."""
    found = standing.entries
    mask = np.array([not wanted.codecs or on.codec in wanted.codecs for on in found.conditions], bool)
    mask &= np.array([not wanted.settings or str(on) in wanted.settings for on in found.conditions], bool)
    if wanted.rates:
        rates = mean_rates(standing)
        low, high = wanted.rates
        mask &= np.isnan(rates) | ((rates >= low) & (rates <= high))
    return mask


def mean_rates(standing: Standing) -> NDArray[np.float64]:
    """Return the mean rate of each condition over the entries that have it, in bits per pixel; NaN where none has."""
    if not standing.entries.rows:
        return np.full(len(standing.entries.conditions), np.nan)
    rates = standing.entries.numbers["bits_per_pixel"]
    known = ~np.isnan(rates)
    total, count = np.where(known, rates, 0.0).sum(axis=0), known.sum(axis=0)
    means: NDArray[np.float64] = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return means


def masks(standing: Standing, wanted: Wanted) -> Iterator[tuple[str, Mask]]:
    """Yield each filter that is set and looks at all entries at once: why it hides some, and which it keeps."""
    if wanted.verified:
        yield UNVERIFIED, standing.verified
    if wanted.reproduced:
        yield UNREPRODUCED, standing.reproduced


def reasons(standing: Standing, wanted: Wanted) -> Iterator[tuple[str, Callable[[EntryRow], bool]]]:
    """Yield each filter that is set: why it hides an entry, and whether it keeps one."""
    if wanted.ranked:
        yield "it has no rank", lambda row: row.rank is not None
    if wanted.conformant:
        yield "its machine's codecs do not conform", lambda row: DEVIATING not in row.why_unranked
    if wanted.name:
        part = wanted.name.casefold()
        yield f"its name is without '{wanted.name}'", lambda row: part in entry_of(row).casefold()
    if wanted.mitigations:
        yield "another mitigation", lambda row: row.mitigation.name in wanted.mitigations
    if wanted.licences:
        yield "another licence", lambda row: licence_of(standing, row) in wanted.licences
    if wanted.training:
        yield "other training data", lambda row: training_of(standing, row) in wanted.training
    if wanted.most_parameters is not None:
        most = wanted.most_parameters * 1e6
        yield "more parameters, or nobody says how many", lambda row: 0 < (parameters_of(standing, row) or 0) <= most


def licence_of(standing: Standing, row: EntryRow) -> str:
    """Return a model's licence."""
    return standing.card(row.model).licence or UNSTATED


def training_of(standing: Standing, row: EntryRow) -> str:
    """Return what a model was trained on."""
    return standing.card(row.model).training_data or UNSTATED


def parameters_of(standing: Standing, row: EntryRow) -> int | None:
    """Return how many parameters a model has."""
    return standing.card(row.model).parameters


def images_per_second(standing: Standing, row: EntryRow) -> float | None:
    """Return an entry's throughput at its best batch."""
    speed = standing.speed(row)
    measure = speed.measure("images_per_second_at_best") if speed else None
    return measure.value if measure else None


ORDERS = ("rank", "mean drop", "recovered", "original", "images/s", "parameters", "name", "newest")
"""What a table can be ordered by; entries that lack it come last."""


def ordered(standing: Standing, wanted: Wanted, visible: Mask, columns: Mask) -> NDArray[np.intp]:
    """Return the visible entries' places in order. Raises UsageError."""
    rows, places = standing.entries.rows, np.flatnonzero(visible)
    if wanted.order == "rank":
        return places
    if wanted.order == "name":
        return np.array(sorted(places, key=lambda place: entry_of(rows[place])), np.intp)
    keys = sort_keys(standing, wanted.order, columns)
    return places[np.argsort(keys[places], kind="stable")]


def sort_keys(standing: Standing, order: str, columns: Mask) -> NDArray[np.float64]:
    """Return a number an entry, the least first, NaN for those that lack it. Raises UsageError."""
    rows = standing.entries.rows
    if order == "mean drop":
        return standing.mean_drops(columns)
    if order == "recovered":
        return -standing.recovered(columns)
    by_row: dict[str, Callable[[EntryRow], float | None]] = {
        "original": lambda row: -row.reference.value if row.reference else None,
        "images/s": lambda row: -speed if (speed := images_per_second(standing, row)) else None,
        "parameters": lambda row: parameters_of(standing, row),
        "newest": lambda row: -row.result_id,
    }
    if order not in by_row:
        raise UsageError(f"Expected the order to be one of {', '.join(ORDERS)}, but got '{order[:200]}'.")
    found = map(by_row[order], rows)
    return np.array([np.nan if number is None else number for number in found], np.float64)
