"""The first page: how much there is, what is lost, all models at a glance, and what is new."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from leaderboard.choices import choose_average, choose_track
from leaderboard.elements import choose, draw, measured, offer_downloads, show_columns
from leaderboard.opened import Board
from suite.report.board.conditions import averages, by_rate
from suite.report.board.overview import (
    Headline,
    Ordinate,
    by_use,
    counts,
    losses,
    newest_columns,
    scatter_columns,
    scatter_points,
)
from suite.report.board.standing import Standing
from suite.report.charts.overview import drop_scatter
from suite.spec import ORIGINAL

MOST_POINTS = 500
HEIGHT = 500
ONLY_PLAIN = (
    "Nothing was measured here with a mitigation yet, so that each model's drop at a low rate stands against that at a "
    "high one. With a mitigation (suite run PROTOCOL --mitigation NAME) drops with and without it would."
)
READ = "A point a model; on the dashed line both drops are the same, below it the one at the side is the smaller."


def show(board: Board) -> None:
    """Show the overview."""
    st.header("Overview")
    standing = measured(board)
    if standing is None:
        return
    show_headlines(counts(standing))
    track = choose_track(standing) if len(standing.tracks) > 1 else standing.tracks[0]
    show_headlines(losses(standing, board.names(), track))
    st.subheader("Models at a glance")
    show_scatter(board, standing)
    st.subheader("Newest entries")
    show_columns(newest_columns(standing, board.names()), key="newest")


def show_headlines(found: Sequence[Headline]) -> None:
    """Show numbers side by side, and below each whose it is: that may be a plugin's words, and is drawn as text."""
    with st.container(horizontal=True):
        for each in found:
            with st.container(width=250 if each.whose else 150, gap=None):
                st.metric(each.title, each.value)
                if each.whose:
                    st.text(each.whose)


def show_scatter(board: Board, standing: Standing) -> None:
    """Show each model's drop one way against its drop another way."""
    mitigations = by_use(standing, board.names())
    x, y = choose_mitigations(standing, mitigations) if len(mitigations) > 1 else choose_rates(standing)
    points = scatter_points(standing, board.names(), x, y)
    if not points:
        st.info("No model has both drops. Choose others above, or measure what is missing with: suite run")
        return
    draw(drop_scatter(points[:MOST_POINTS], x_title=x.title, y_title=y.title), height=HEIGHT)
    st.text(READ)
    if len(points) > MOST_POINTS:
        st.text(f"Drawn are the best {MOST_POINTS:,} of {len(points):,} models; the downloads have all.")
    if any(each["images_per_second"] for each in points):
        st.text("Size: images per second at the best batch with the mitigation at the side; hollow: not timed.")
    offer_downloads(f"{standing.protocol.label}-overview", lambda: scatter_columns(points, x, y), key="overview")


def choose_mitigations(standing: Standing, mitigations: Sequence[str]) -> tuple[Ordinate, Ordinate]:
    """Let the reader choose two mitigations and the conditions to compare them over."""
    left, middle, right = st.columns(3)
    with left:
        across = choose("Across: drop with", mitigations, key="x")
    with middle:
        upwards = choose("Upwards: drop with", mitigations, key="y", index=1)
    with right:
        name, columns = choose_average(standing)
    return Ordinate(across, name, columns), Ordinate(upwards, name, columns)


def choose_rates(standing: Standing) -> tuple[Ordinate, Ordinate]:
    """Let the reader choose two settings, where there is only one mitigation: none."""
    st.text(ONLY_PLAIN)
    every, names = averages(standing), by_rate(standing)
    left, right = st.columns(2)
    with left:
        low = choose("Across: drop at", names, key="low")
    with right:
        high = choose("Upwards: drop at", names, key="high", index=len(names) - 1)
    return Ordinate(ORIGINAL, low, every[low]), Ordinate(ORIGINAL, high, every[high])
