"""All mitigations of one model: what each buys back, what it costs, and which choices nothing else beats."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from leaderboard.choices import choose_model, choose_track
from leaderboard.elements import choose_some, measured, offer_downloads, say, show_columns
from leaderboard.opened import Board
from leaderboard.views.curves import choose_axes, series_of, show_curves
from suite.report.board.curves import DROP, curve_points, notes_on
from suite.report.board.mitigations import (
    RECOVERED,
    SHOWN_FROM,
    SHOWN_TO,
    cost_columns,
    front_columns,
    front_note,
    front_points,
    recovered_columns,
    recovered_points,
)
from suite.report.board.names import plain_first
from suite.report.board.standing import Standing
from suite.report.charts.curves import Axes
from suite.report.charts.mitigations import front_scatter
from suite.report.charts.style import MOST_SERIES
from suite.report.tables import in_order
from suite.spec import ORIGINAL

ONLY_PLAIN = "This model was measured without a mitigation only. To measure one: suite run PROTOCOL --mitigation NAME"
NO_PLAIN = "This model was not measured without a mitigation, so that nobody knows what one buys back."
NOT_TIMED = "None of these entries was timed on this machine. To time them: suite throughput PROTOCOL"


def show(board: Board) -> None:
    """Show the mitigations of a model."""
    st.header("Mitigations")
    standing = measured(board)
    if standing is None:
        return
    _, places = choose_model(board, standing, choose_track(standing))
    places = chosen_mitigations(places)
    codecs = choose_some("Codecs", in_order(on.codec for on in standing.entries.conditions), key="codecs")
    _, axes = choose_axes(choose_what=False)
    if len(places) == 1:
        say(ONLY_PLAIN if ORIGINAL in places else NO_PLAIN)
    show_drops(board, places, codecs, axes)
    if len(places) > 1:
        show_recovered(standing, places, codecs, axes)
        show_cost(standing, places)
    show_front(standing, places)


def chosen_mitigations(places: Mapping[str, int]) -> dict[str, int]:
    """Let the reader choose mitigations; of more than can be told apart the first are taken, none before all."""
    names = plain_first(places)
    wanted = choose_some("Mitigations", names, key="mitigations") or tuple(names)
    kept = [name for name in names if name in wanted or name == ORIGINAL][:MOST_SERIES]
    left = [name for name in wanted if name not in kept]
    if left:
        st.text(f"Not shown, as {MOST_SERIES} can be told apart: {', '.join(left)}. Choose them above.")
    return {name: places[name] for name in kept}


def show_drops(board: Board, places: Mapping[str, int], codecs: tuple[str, ...], axes: Axes) -> None:
    """Show the drop with each mitigation."""
    series = [series_of(board, place, DROP)._replace(name=name) for name, place in places.items()]
    points = curve_points(series, what=DROP, axis=axes.x, codecs=codecs)
    st.subheader("Drop")
    if not points:
        say(f"Nothing here has a drop by {axes.x}. Choose another axis.")
        return
    show_curves(points, axes._replace(y="drop, percentage points"))
    for note in notes_on(series, points, what=DROP, axis=axes.x):
        st.text(note)


def show_recovered(standing: Standing, places: Mapping[str, int], codecs: tuple[str, ...], axes: Axes) -> None:
    """Show what each mitigation buys back."""
    st.subheader("Recovered")
    columns = recovered_columns(standing, places)
    if not columns:
        say(NO_PLAIN)
        return
    points, beyond = recovered_points(standing, places, axis=axes.x, codecs=codecs)
    if points:
        show_curves(points, axes._replace(y="recovered, %"), list(places))
    st.text(RECOVERED)
    if beyond:
        st.text(f"{beyond:,} points below {SHOWN_FROM:.0f} % or above {SHOWN_TO:.0f} % are in the table only.")
    show_columns(columns, key="recovered")
    offer_downloads(f"{standing.protocol.label}-mitigations", lambda: columns, key="recovered-file")


def show_cost(standing: Standing, places: Mapping[str, int]) -> None:
    """Show what each mitigation costs in throughput."""
    st.subheader("Cost in throughput")
    columns = cost_columns(standing, places)
    if columns:
        show_columns(columns, key="cost")
    else:
        say(NOT_TIMED)


def show_front(standing: Standing, places: Mapping[str, int]) -> None:
    """Show which mitigations and settings nothing else beats."""
    st.subheader("Drop, rate and throughput: the Pareto front")
    points = front_points(standing, places)
    if not points:
        say("No rates were measured: a protocol names bits_per_pixel among its frame_metrics.")
        return
    st.altair_chart(front_scatter(points), width="stretch")
    st.text(front_note(points))
    show_columns(front_columns(points), key="front")
    offer_downloads(f"{standing.protocol.label}-front", lambda: front_columns(points), key="front-file")
