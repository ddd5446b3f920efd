"""What a reader chooses on several pages: a model or entries out of thousands, and what drops are taken over."""

from __future__ import annotations

import streamlit as st

from leaderboard.elements import choose, choose_some
from leaderboard.opened import Board
from suite.report.board.conditions import averages
from suite.report.board.names import by_model, offered
from suite.report.board.selection import Mask
from suite.report.board.standing import Standing

MOST_OFFERED = 200
"""So many names are offered at once; a part of the name finds the others."""


def choose_track(standing: Standing) -> str:
    """Let the reader choose what entries were measured on."""
    return choose("Track", standing.tracks, key="track")


def choose_average(standing: Standing) -> tuple[str, Mask]:
    """Let the reader choose which conditions drops are taken over."""
    every = averages(standing)
    name = choose("Drops over", every, key="at")
    return name, every[name]


def choose_places(board: Board, standing: Standing, track: str, *, key: str, usual: int, most: int) -> tuple[int, ...]:
    """Let the reader choose entries of a track, the best ``usual`` ones unless told, at most ``most``."""
    names = board.names().entries
    places = {names[place]: place for place, on in enumerate(standing.track_names) if on == track}
    options = offer(list(places), key=key)
    chosen = choose_some("Entries", options, key=key, default=options[:usual], max_selections=most)
    return tuple(places[name] for name in chosen)


def choose_model(board: Board, standing: Standing, track: str) -> tuple[str, dict[str, int]]:
    """Let the reader choose a model; return its name and its places by mitigation."""
    models = by_model(standing, board.names(), track)
    several = {name: places for name, places in models.items() if len(places) > 1}
    ordered = {**several, **models}
    name = choose("Model", offer(list(ordered), key="model"), key="model")
    return name, models[name]


def offer(names: list[str], *, key: str) -> list[str]:
    """Return the names to offer: of many those with a part that the reader gives, and those in the address."""
    if len(names) <= MOST_OFFERED:
        return names
    part = st.text_input("Name contains", key=f"{key}-name", bind="query-params")
    found, left = offered(names, part, st.query_params.get_all(key), most=MOST_OFFERED)
    if left:
        st.text(f"The best {MOST_OFFERED:,} of these names can be chosen; {left:,} more by a part of their name.")
    return found or names[:MOST_OFFERED]
