"""One entry in full: its numbers, what made them, and how to make them again."""

from __future__ import annotations

import streamlit as st

from leaderboard.elements import choose, measured, offer_downloads, show_columns
from leaderboard.opened import Board
from suite.db import queries
from suite.db.queries import EntryRow, RankingRow
from suite.report.board import entry, speeds
from suite.report.board.columns import Columns
from suite.report.board.entry import EntryReport
from suite.report.board.hosts import environment_columns
from suite.report.board.standing import Standing, track_name
from suite.report.charts.entry import entry_curve, entry_points

RESULTS_SHOWN = 200


def show(board: Board) -> None:
    """Show the entry that the reader, or the page's address, names."""
    st.header("Entry")
    standing = measured(board)
    if standing is None:
        return
    place = chosen_place(board, standing, choose("Entry", entry.entry_names(standing), key="entry"))
    report = board.entry(standing.entries.rows[place])
    for line in entry.facts_of(standing, report):
        st.text(line)
    show_badges(standing, report.row, place)
    show_results(standing, report, standing.entries.row(place))
    show_throughput(board, standing, report)
    show_plugins(standing, report)
    show_commands(standing, report)
    st.download_button(
        "Everything as JSON",
        data=lambda: entry.everything(standing, report),
        file_name=f"{standing.protocol.label}-entry.json",
        mime="application/json",
        key="entry-json",
        on_click="ignore",
    )


def chosen_place(board: Board, standing: Standing, name: str) -> int:
    """Return where the entry of a name stands; of several the reader chooses one."""
    places = entry.places_of(standing, name)
    if len(places) == 1:
        return places[0]
    digests = {standing.entries.rows[place].environment for place in places}
    labels = entry.place_labels(standing, places, queries.environments(board.engine, digests))
    return places[labels.index(choose(f"{len(places)} entries have this name", labels, key="measured"))]


def show_badges(standing: Standing, row: EntryRow, place: int) -> None:
    """Show whether somebody made the entry's predictions again, and whether another machine measured the same."""
    badge = standing.badge(row)
    if badge:
        st.badge(badge.word, color="green" if badge.ok else "red")
        st.text(str(badge))
    if standing.reproduced[place]:
        st.badge("reproduced on another machine", color="blue")


def show_results(standing: Standing, report: EntryReport, row: RankingRow) -> None:
    """Show the curve and every result, then what failed and what was withdrawn."""
    if entry_points(row):
        st.subheader("Curve")
        st.altair_chart(entry_curve(row), width="stretch")
    columns = entry.result_columns(standing, report, entry.counted_results(row))
    st.subheader("Results")
    show_columns({title: values[:RESULTS_SHOWN] for title, values in columns.items()})
    if len(report.results) > RESULTS_SHOWN:
        st.text(f"The first {RESULTS_SHOWN} of {len(report.results):,}; downloads have them all.")
    offer_downloads(f"{standing.protocol.label}-entry-results", lambda: columns, key="results")
    show_some("Verifications", entry.verification_columns(report))
    show_some("Withdrawn by an erratum", entry.erratum_columns(report))
    show_some("Failed", entry.failure_columns(report))


def show_some(title: str, columns: Columns) -> None:
    """Show a table that has rows; nothing of one that has none."""
    if any(columns.values()):
        st.subheader(title)
        show_columns(columns)


def show_throughput(board: Board, standing: Standing, report: EntryReport) -> None:
    """Show how fast the entry is on its machine, or what to run."""
    row = report.row
    hosts = [host for host in board.speeds(track_name(row)) if host.digest == row.environment]
    timed = [pair for host in hosts for pair in speeds.shown_of(host, host.names()) if speeds.is_of(pair[1], row)]
    rejected = [each for host in hosts for each in host.rejected if speeds.is_of(each, row)]
    st.subheader("Throughput")
    if timed:
        show_columns(speeds.entry_columns(standing, timed))
    if rejected:
        show_columns(speeds.rejected_columns(rejected))
    if not timed and not rejected:
        st.text(f"Not timed on this machine. Run: suite throughput {standing.protocol.label}")


def show_plugins(standing: Standing, report: EntryReport) -> None:
    """Show cards, versions and digests, and the machine."""
    st.subheader("Cards")
    show_columns(entry.card_columns(standing, report.row))
    st.subheader("Versions and digests")
    show_columns(entry.plugin_columns(report))
    st.subheader("Environment")
    st.text(report.row.environment)
    show_columns(environment_columns(report.environment))


def show_commands(standing: Standing, report: EntryReport) -> None:
    """Show what was run, and what measures an entry of these names anywhere."""
    st.subheader("Reproduce")
    st.text("Any machine; a plugin that is a file of one's own is named by its path, as in the runs below:")
    st.code(entry.general_command(standing, report), language=None, wrap_lines=True)
    st.text("The runs that measured it, the newest first:")
    show_columns(entry.run_columns(report))
