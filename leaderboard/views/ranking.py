"""The ranking of one task, filtered and sorted as the reader likes, and what that hides."""

from __future__ import annotations

import math
import re

import streamlit as st

from leaderboard.elements import choose, choose_some, measured, offer_downloads, show_columns
from leaderboard.opened import Board
from suite.errors import DamagedOutcomes
from suite.report.board.columns import Columns, ranking_columns
from suite.report.board.selection import (
    ORDERS,
    Selection,
    Wanted,
    licence_of,
    mean_rates,
    parameters_of,
    select,
    training_of,
)
from suite.report.board.standing import Standing
from suite.report.tables import TIED, Standings, entry_of, in_order

ROWS_A_PAGE = 100
HIDDEN_NAMED = 200
ONLY_VERIFIED = "Only verified: a random share of the predictions was made again and came out the same"
ONLY_REPRODUCED = "Only reproduced: another machine has measured the same values"
ONLY_RANKED = "Only entries with a rank: whole, conformant, of a released protocol"
USUALLY_HIDDEN = re.compile(r".*( low| high|, area .*)|machine|measured|why it has no rank")


def show(board: Board) -> None:
    """Show the ranking of a track."""
    st.header("Ranking")
    standing = measured(board)
    if standing is None:
        return
    track = choose("Track", standing.tracks, key="track")
    with st.expander("Filters"):
        wanted = filters(standing, track)
    chosen = st.expander("Columns")
    with chosen:
        by_setting = choose("Drops", ("by codec", "by setting"), key="drops") == "by setting"
    selection = select(standing, wanted)
    ties = known_ties(board, track)
    places = selection.places[page_of(len(selection.places))]
    columns = ranking_columns(standing, selection, places, ties, by_setting=by_setting)
    usual = [title for title in columns if not USUALLY_HIDDEN.fullmatch(title)]
    with chosen:
        shown = choose_some("Shown", list(columns), key="columns", default=usual)
    show_columns(columns, shown=shown)
    for note in notes(standing, selection, ties=bool(ties)):
        st.text(note)
    show_hidden(standing, selection)

    def whole() -> Columns:
        return ranking_columns(standing, selection, selection.places, ties, by_setting=by_setting)

    offer_downloads(f"{standing.protocol.label}-ranking", whole, key="ranking")


def known_ties(board: Board, track: str) -> Standings:
    """Return what ranks are worth, or say why nobody knows."""
    try:
        with st.spinner("Telling ranks from noise"):
            return board.ties(track)
    except DamagedOutcomes as error:
        st.text(f"Ties are unknown: {error}")
        return {}


def filters(standing: Standing, track: str) -> Wanted:
    """Let the reader choose conditions and entries."""
    conditions, rows = standing.entries.conditions, standing.entries.rows
    codecs = choose_some("Codecs", in_order(on.codec for on in conditions), key="codecs")
    return Wanted(
        track=track,
        codecs=codecs,
        settings=setting_range(standing, codecs),
        rates=rate_range(standing),
        name=st.text_input("Name contains", key="name", bind="query-params"),
        mitigations=choose_some("Mitigations", in_order(row.mitigation.name for row in rows), key="mitigations"),
        licences=choose_some("Licence", in_order(licence_of(standing, row) for row in rows), key="licence"),
        training=choose_some("Training data", in_order(training_of(standing, row) for row in rows), key="training"),
        most_parameters=most_parameters(standing),
        ranked=st.toggle(ONLY_RANKED, key="ranked", bind="query-params"),
        conformant=st.toggle("Only from machines whose codecs conform", key="conformant", bind="query-params"),
        verified=st.toggle(ONLY_VERIFIED, key="verified", bind="query-params"),
        reproduced=st.toggle(ONLY_REPRODUCED, key="reproduced", bind="query-params"),
        order=choose("Order by", ORDERS, key="order"),
    )


def setting_range(standing: Standing, codecs: tuple[str, ...]) -> tuple[str, ...]:
    """Let the reader choose a range of one codec's settings; of several codecs all are chosen."""
    names = [str(on) for on in standing.entries.conditions if codecs == (on.codec,)]
    if len(names) < 2:
        return ()
    first, last = st.select_slider(
        "Settings from and to", names, value=(names[0], names[-1]), key=f"settings-{codecs[0]}", bind="query-params"
    )
    return tuple(names[names.index(first) : names.index(last) + 1])


def rate_range(standing: Standing) -> tuple[float, float] | None:
    """Let the reader choose a range of rates, in bits per pixel; None for all."""
    rates = [rate for rate in mean_rates(standing) if not math.isnan(rate)]
    if not rates or min(rates) == max(rates):
        return None
    low, high = math.floor(100 * min(rates)) / 100, math.ceil(100 * max(rates)) / 100
    chosen: tuple[float, float] = st.slider(
        "Mean rate, bits per pixel", low, high, (low, high), step=0.01, key="rates", bind="query-params"
    )
    return None if chosen == (low, high) else chosen


def most_parameters(standing: Standing) -> float | None:
    """Let the reader choose how large a model may be, in millions of parameters; None for all."""
    if not any(parameters_of(standing, row) for row in standing.entries.rows):
        return None
    most: float | None = st.number_input(
        "Parameters at most, millions", min_value=0.0, value=None, key="parameters", bind="query-params"
    )
    return most


def page_of(count: int) -> slice:
    """Let the reader choose a page of a long table."""
    if count <= ROWS_A_PAGE:
        return slice(0, count)
    pages = math.ceil(count / ROWS_A_PAGE)
    number = st.number_input(f"Page, 1 to {pages}", 1, pages, key="page", bind="query-params")
    return slice((number - 1) * ROWS_A_PAGE, number * ROWS_A_PAGE)


def notes(standing: Standing, selection: Selection, *, ties: bool) -> list[str]:
    """Return what a reader must know of the table."""
    chosen, every = int(selection.columns.sum()), len(standing.entries.conditions)
    return [
        f"Entries: {len(selection.places):,}. Drops are over {chosen} of {every} conditions, ranks over all of them.",
        "verification: whether a random share of a submission's predictions, made again, came out the same.",
        "reproduced: another machine has measured the same values under every condition.",
        "recovered: the part of the unmitigated model's mean drop that the mitigation buys back.",
        *[TIED] * ties,
    ]


def show_hidden(standing: Standing, selection: Selection) -> None:
    """Count the entries that the filters hide, and name them with the reason."""
    count = sum(map(len, selection.hidden.values()))
    if not count:
        return
    rows = standing.entries.rows
    with st.expander(f"{count:,} entries are hidden by the filters"):
        for reason, places in selection.hidden.items():
            st.text(f"{len(places):,}: {reason}")
            show_columns({"entry": [entry_of(rows[place]) for place in places[:HIDDEN_NAMED]]}, key=f"hidden-{reason}")
            if len(places) > HIDDEN_NAMED:
                st.text(f"and {len(places) - HIDDEN_NAMED:,} more")
