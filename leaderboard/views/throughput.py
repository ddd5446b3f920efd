"""How fast the entries are, host by host, what codecs cost, and which timings do not count."""

from __future__ import annotations

import streamlit as st

from leaderboard.elements import choose, choose_some, measured, offer_downloads, say, show_columns
from leaderboard.opened import Board
from suite.db import queries
from suite.report import throughput
from suite.report.board import speeds
from suite.report.board.hosts import environment_columns
from suite.report.board.speeds import Speeds
from suite.report.board.standing import Standing
from suite.report.charts.throughput import grouped_bars, latency_ranges, speed_against_drop

MOST_SHOWN = 12
RATE, RELATIVE = "images a second", "images a second, the reference model's = 1"


def show(board: Board) -> None:
    """Show the timings of one track on one host."""
    st.header("Throughput")
    standing = measured(board)
    if standing is None:
        return
    track = choose("Track", standing.tracks, key="track")
    found = board.speeds(track)
    if not found:
        label = standing.protocol.label
        say(f"Nothing of {label} is timed yet. Run: suite throughput {label} --database {board.path}")
        return
    labels = [each.label for each in found]
    host = found[labels.index(choose("Host", labels, key="host"))]
    show_entries(standing, host)
    show_codecs(standing, host)
    show_rejected(host)
    with st.expander("The host in full"):
        st.text(host.digest)
        for environment in queries.environments(board.engine, [host.digest]).values():
            show_columns(environment_columns(environment))


def show_entries(standing: Standing, host: Speeds) -> None:
    """Show the entries that the reader chooses, the fastest unless told."""
    if not host.entries:
        st.text("No timing of an entry counts on this host.")
        return
    names = host.names()
    with st.expander("Choose entries"):
        chosen = choose_some("Timed entries", names, key="timed", default=names[:MOST_SHOWN])
        relative = st.toggle("As parts of the reference model's", key="relative", bind="query-params")
    shown = speeds.shown_of(host, chosen)
    rows = [each.throughput for _, each in shown]
    if len(shown) < len(names):
        st.text(f"{len(shown):,} of {len(names):,} timed entries are shown, the fastest unless you choose others.")
    if shown:
        draw(standing, host, shown, relative=relative)
    for note in (*throughput.how(rows), *throughput.compared(rows)):
        st.text(note)
    show_columns(speeds.entry_columns(standing, shown))
    offer_downloads(
        f"{standing.protocol.label}-throughput",
        lambda: speeds.entry_columns(standing, speeds.shown_of(host, names)),
        key="throughput",
    )


def draw(standing: Standing, host: Speeds, shown: list[speeds.Named], *, relative: bool) -> None:
    """Draw rates, rates beside the drop, latencies and memory."""
    title = RELATIVE if relative else RATE
    bars = speeds.speed_points(shown, relative=relative)
    drops = speeds.drop_points(standing, shown, relative=relative)
    st.subheader("Rate")
    if bars:
        st.altair_chart(grouped_bars(bars, of="entry", part="batch", title=title), width="stretch")
    else:
        st.text("No reference model was timed beside these.")
    st.subheader("Rate and drop")
    if drops:
        st.altair_chart(speed_against_drop(drops, title=f"{title}, best batch"), width="stretch")
    else:
        st.text(f"None of these has every drop measured on {host.label}.")
    st.subheader("Latency")
    st.altair_chart(latency_ranges(speeds.latency_points(shown)), width="stretch")
    st.subheader("Memory")
    memory = speeds.memory_points(shown)
    st.altair_chart(grouped_bars(memory, of="entry", part=None, title="peak memory, MiB"), width="stretch")


def show_codecs(standing: Standing, host: Speeds) -> None:
    """Show what the codecs cost alone."""
    if not host.codecs:
        return
    st.subheader("Codecs alone")
    points = speeds.codec_points(host.codecs)
    st.altair_chart(grouped_bars(points, of="codec", part="work", title="ms an image"), width="stretch")
    st.text("Each codec at its middle setting, one call at a time; some use threads of their own.")
    show_columns(speeds.codec_columns(host.codecs))
    offer_downloads(
        f"{standing.protocol.label}-codec-cost", lambda: speeds.codec_columns(host.codecs), key="codec-cost"
    )


def show_rejected(host: Speeds) -> None:
    """List what was timed and does not count."""
    if not host.rejected:
        return
    st.subheader("Timings that do not count")
    st.text("The newest timing of each; where an older one is valid, that is shown above.")
    show_columns(speeds.rejected_columns(host.rejected))
