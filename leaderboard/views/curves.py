"""Accuracy or drop against rate or setting, and what the curves come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from leaderboard.choices import choose_places, choose_track
from leaderboard.elements import choose, choose_some, measured, offer_downloads, say, show_panels, show_text_table
from leaderboard.opened import Board
from suite.errors import DamagedOutcomes
from suite.report.board.curves import (
    DROP,
    METRIC,
    RATE,
    SETTING,
    Series,
    codec_labels,
    curve_columns,
    curve_points,
    notes_on,
)
from suite.report.charts.curves import Axes, curve_panels, legend_of
from suite.report.charts.style import MOST_SERIES
from suite.report.tables import in_order

USUAL = 4


def show(board: Board) -> None:
    """Show the curves of chosen entries."""
    st.header("Curves")
    standing = measured(board)
    if standing is None:
        return
    track = choose_track(standing)
    places = choose_places(board, standing, track, key="entries", usual=USUAL, most=MOST_SERIES)
    what, axes = choose_axes(choose_what=True)
    codecs = choose_some("Codecs", in_order(on.codec for on in standing.entries.conditions), key="codecs")
    series = [series_of(board, place, what) for place in places]
    points = curve_points(series, what=what, axis=axes.x, codecs=codecs)
    if not points:
        say(f"Nothing here has a {what} by {axes.x}. Choose an entry above, or another axis.")
        return
    metric = series[0].row.metric
    unit = "drop, percentage points" if what == DROP else f"{metric}, %"
    show_curves(points, axes._replace(y=unit))
    for note in notes_on(series, points, what=what, axis=axes.x):
        st.text(note)
    name = f"{standing.protocol.label}-curves"
    offer_downloads(name, lambda: curve_columns(points, what=what, metric=metric), key="curves")
    show_rates(board, series, places)


def choose_axes(*, choose_what: bool) -> tuple[str, Axes]:
    """Let the reader choose what is drawn (else the drop), what stands across, and whether rates are logarithmic."""
    first, *others = st.columns(3 if choose_what else 2, vertical_alignment="bottom")
    what = DROP
    if choose_what:
        with first:
            what = choose("Upwards", (DROP, METRIC), key="show")
    with others[-2] if choose_what else first:
        axis = choose("Across", (RATE, SETTING), key="axis")
    with others[-1]:
        logarithmic = st.toggle("Logarithmic rates", value=True, key="log", bind="query-params", disabled=axis != RATE)
    return what, Axes(axis, "", logarithmic=logarithmic and axis == RATE, shared=axis == RATE)


def series_of(board: Board, place: int, what: str) -> Series:
    """Return an entry to draw, with what its drops' intervals are where they are wanted."""
    row, name = board.row(place), board.names().entries[place]
    try:
        return Series(name, row, board.drop_intervals(place) if what == DROP else {})
    except DamagedOutcomes as error:
        st.text(f"{name}: {error}")
        return Series(name, row, {})


def show_curves(points: Sequence[dict[str, Any]], axes: Axes, series: Sequence[str] = ()) -> None:
    """Show a panel a codec, with one legend for all."""
    panels = curve_panels(points, axes, series=series, legend=False)
    names = in_order((*series, *(each["series"] for each in points)))
    shown = names if len(names) > 1 or len(panels) > 1 else in_order(each["codec"] for each in points)
    show_panels(panels, legend_of(shown))


def show_rates(board: Board, series: Sequence[Series], places: Sequence[int]) -> None:
    """Show what the curves come to: areas, and BD numbers against a codec that the reader chooses."""
    reference = choose("Compare codecs with", codec_labels([each.row for each in series]), key="against")
    with st.spinner("Summing up the curves"):
        table = board.rate_table(tuple(places), reference)
    st.text(table.title)
    show_text_table(table._replace(title="Areas and BD numbers"))
