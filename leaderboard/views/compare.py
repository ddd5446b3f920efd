"""Two entries on the same samples: by how much they differ, how sure that is, and on which samples."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from leaderboard.elements import choose, link_to_entry, measured, offer_downloads, say, show_columns
from leaderboard.opened import Board
from suite.db import queries
from suite.errors import SuiteError
from suite.report import comparison
from suite.report.board.disagreements import MOST, Disagreement, Disagreements, class_name, disagreement_columns
from suite.report.board.hosts import host_labels
from suite.report.board.pairing import comparison_columns, machines_of_both, metrics_on, names_on, of_track
from suite.report.board.standing import Standing
from suite.report.charts.comparison import forest
from suite.report.comparison import Comparison
from suite.report.thumbnails import Gallery, Picture

LAST_USED = "the one used last"
SIDES = ("only the first is right", "only the second is right")


def show(board: Board) -> None:
    """Show one comparison on each set of samples that both entries share."""
    st.header("Compare")
    standing = measured(board)
    if standing is None:
        return
    track = choose("Track", standing.tracks, key="track")
    names = names_on(standing, track)
    if len(names) < 2:
        label = standing.protocol.label
        say(f"There is one entry on this track, and it takes two. Run: suite run {label} --model NAME")
        return
    pair = choose("First entry", names, key="first"), choose("Second entry", names, key="second", index=1)
    if pair[0] == pair[1]:
        say("Both are the same entry. Choose another.")
        return
    with st.container(horizontal=True):
        for name, side in zip(pair, ("First", "Second"), strict=True):
            link_to_entry(f"{side} entry in full", name)
    with st.expander("Metric and machine"):
        metric = choose("Metric", metrics_on(standing, track), key="metric")
        machine = chosen_machine(board, standing, track, pair)
    try:
        with st.spinner("Comparing sample by sample"):
            found = of_track(board.comparison(*pair, metric, machine), track)
    except SuiteError as error:
        st.text(str(error))
        return
    for number, each in enumerate(found):
        show_comparison(board, standing, each, key="" if not number else f"-{number}")


def chosen_machine(board: Board, standing: Standing, track: str, names: tuple[str, str]) -> str | None:
    """Let the reader choose a machine of those that both entries were measured on; None for the one used last."""
    digests = machines_of_both(standing, track, names)
    labels = host_labels(queries.environments(board.engine, digests))
    chosen = choose("Machine", (LAST_USED, *labels.values()), key="machine")
    return next((digest for digest, label in labels.items() if label == chosen), None)


def show_comparison(board: Board, standing: Standing, found: Comparison, *, key: str) -> None:
    """Show the differences as a chart and a table, then the samples behind them."""
    st.subheader("Difference, first minus second")
    (machine,) = host_labels(queries.environments(board.engine, [found.environment])).values()
    st.text(f"Both measured on {machine}")
    st.altair_chart(forest(found), width="stretch")
    for note in (*comparison.findings(found), *comparison.explanations(found)):
        st.text(note)
    show_columns(comparison_columns(found))
    offer_downloads(
        f"{standing.protocol.label}-comparison",
        lambda: comparison_columns(found),
        key=f"comparison{key}",
    )
    st.subheader("Where they disagree")
    conditions = [row.condition for row in found.conditions]
    compressed = int(conditions[0] == "original" and len(conditions) > 1)
    condition = choose("Condition", conditions, key=f"condition{key}", index=compressed)
    side = choose("Samples of which", SIDES, key=f"side{key}")
    row = found.conditions[conditions.index(condition)]
    try:
        apart, gallery = board.disagreements(row.results, SIDES.index(side))
    except SuiteError as error:
        st.text(str(error))
        return
    show_disagreements(apart, gallery, side=SIDES.index(side), names=(found.first, found.second))


def show_disagreements(apart: Disagreements, gallery: Gallery, *, side: int, names: tuple[str, str]) -> None:
    """Show the first samples that only one entry gets right, with pictures where there are any."""
    rows = (apart.only_first, apart.only_second)[side]
    first = f"; the first {MOST} of them:" if apart.counts[side] > MOST else ""
    st.text(f"{apart.counts[side]:,} of {apart.samples:,} samples under {apart.condition}: {SIDES[side]}{first}")
    if not rows:
        return
    if "+" in "".join(names) and gallery.pictures:
        st.text("Pictures are what the codec gives, before any mitigation.")
    for note in gallery.notes:
        st.text(note)
    if not gallery.pictures:
        show_columns(disagreement_columns(rows, names, gallery.classes))
        return
    for start in range(0, len(rows), 2):
        for place, row in zip(st.columns(2), rows[start : start + 2], strict=False):
            with place.container(border=True):
                show_sample(row, gallery.pictures[row.place], names, gallery.classes)


def show_sample(row: Disagreement, picture: Picture, names: tuple[str, str], classes: Sequence[str]) -> None:
    """Show one sample: the original, what the codec made of it, the truth and both answers."""
    answers = zip(names, (row.first, row.second), strict=True)
    st.text(
        f"{picture.id}, truth: {class_name(row.truth, classes)}\n"
        + "\n".join(f"{name}: {class_name(answer, classes)}" for name, answer in answers)
    )
    shown = {"original": picture.original, "compressed": picture.compressed}
    kept = {what: data for what, data in shown.items() if data}
    for place, (what, data) in zip(st.columns(len(kept)), kept.items(), strict=True):
        place.image(data, caption=what, alt=f"{what} of {picture.id}")
