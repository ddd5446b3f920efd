"""Heat maps: entries by codec or setting, what mitigations buy back by codec, and whether they help other models."""

from __future__ import annotations

import streamlit as st

from leaderboard.choices import choose_average, choose_model, choose_places, choose_track, offer
from leaderboard.elements import choose, choose_some, measured, offer_downloads, show_columns
from leaderboard.opened import Board
from suite.report.board.matrices import (
    DROP,
    Matrix,
    codecs_of,
    entries_by_codec,
    entries_by_setting,
    matrix_columns,
    mitigations_by_codec,
    transfer,
    with_mitigations,
)
from suite.report.board.mitigations import RECOVERED
from suite.report.board.names import by_model
from suite.report.board.standing import Standing
from suite.report.charts.matrices import heat_map

BY_CODEC, BY_SETTING = "entry by codec: mean drop", "entry by setting: drop"
MITIGATIONS, TRANSFER = "mitigation by codec: recovered", "mitigation by model: recovered"
USUAL, MOST_ENTRIES, MOST_MODELS = 12, 40, 20
UNKNOWN = "A dash in a dashed frame: not known, as something is not measured or nothing was lost."
ASKED = "Reads: does what was made for one model help another? A row is a mitigation, as long as models were tried."


def show(board: Board) -> None:
    """Show the matrix that the reader chooses."""
    st.header("Matrices")
    standing = measured(board)
    if standing is None:
        return
    track = choose_track(standing)
    matrices = {
        BY_CODEC: entry_codec,
        BY_SETTING: entry_setting,
        MITIGATIONS: mitigation_codec,
        TRANSFER: mitigation_model,
    }
    matrix = matrices[choose("Matrix", matrices, key="matrix")](board, standing, track)
    if matrix is None or not matrix.values.size:
        st.info("This matrix has no cells: nothing is chosen, or nothing was measured with a mitigation and without.")
        return
    st.altair_chart(heat_map(matrix), width="stretch")
    st.text(UNKNOWN if matrix.unit == DROP else f"{RECOVERED} {UNKNOWN}")
    with st.expander("The numbers as a table"):
        show_columns(matrix_columns(matrix), key="matrix-table")
    offer_downloads(f"{standing.protocol.label}-matrix", lambda: matrix_columns(matrix), key="matrix-file")


def entry_codec(board: Board, standing: Standing, track: str) -> Matrix:
    """Let the reader choose entries; return their mean drops by codec."""
    return entries_by_codec(standing, board.names(), chosen_rows(board, standing, track))


def entry_setting(board: Board, standing: Standing, track: str) -> Matrix:
    """Let the reader choose a codec and entries; return their drops by setting."""
    codec = choose("Codec", codecs_of(standing), key="codec")
    return entries_by_setting(standing, board.names(), chosen_rows(board, standing, track), codec)


def chosen_rows(board: Board, standing: Standing, track: str) -> tuple[int, ...]:
    """Let the reader choose entries."""
    return choose_places(board, standing, track, key="rows", usual=USUAL, most=MOST_ENTRIES)


def mitigation_codec(board: Board, standing: Standing, track: str) -> Matrix:
    """Let the reader choose a model; return what its mitigations recover by codec."""
    _, places = choose_model(board, standing, track)
    return mitigations_by_codec(standing, places)


def mitigation_model(board: Board, standing: Standing, track: str) -> Matrix | None:
    """Let the reader choose models and conditions; return what each mitigation recovers of each model's drop."""
    models = with_mitigations(by_model(standing, board.names(), track))
    if not models:
        return None
    _, columns = choose_average(standing)
    st.text(ASKED)
    offered = offer(list(models), key="models")
    chosen = choose_some("Models", offered, key="models", default=offered[:USUAL], max_selections=MOST_MODELS)
    return transfer(standing, {name: models[name] for name in chosen}, columns)
