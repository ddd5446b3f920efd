"""What compression a folder of images has been through, from the report that `suite audit` wrote of it."""

from __future__ import annotations

import streamlit as st

from leaderboard.elements import choose, offer_downloads, show_columns, show_text_table
from leaderboard.opened import Board
from suite.errors import DataError
from suite.report.audit import Audited, columns_of, expected_drop, from_json, jpeg_curves, sentence, summary
from suite.report.charts.audit import counts_chart, histogram_chart

WHAT = (
    "Your images stay where they are: run 'suite audit DIR --json > audit.json' on your machine, and open audit.json "
    "here. It holds names and numbers, no pixels."
)
ROWS_SHOWN = 1000


def show(board: Board) -> None:
    """Show a report, and what a model is expected to lose on its images."""
    st.header("Audit")
    st.text(WHAT)
    uploaded = st.file_uploader("audit.json", type="json", key="audit")
    if uploaded is None:
        return
    try:
        images = from_json(uploaded.getvalue())
    except DataError as error:
        st.text(str(error))
        return
    show_text_table(summary(images, uploaded.name))
    show_expected(board, images)
    charts = (
        histogram_chart([image.bits_per_pixel for image in images], "rate, bits per pixel"),
        histogram_chart([image.quality for image in images], "JPEG quality (IJG)"),
        counts_chart([image.codec or None for image in images], "codec"),
        counts_chart([image.chroma for image in images], "chroma subsampling"),
    )
    for chart in filter(None, charts):
        st.altair_chart(chart, width="stretch")
    st.subheader("Files")
    show_columns(columns_of(images[:ROWS_SHOWN]))
    if len(images) > ROWS_SHOWN:
        st.text(f"The first {ROWS_SHOWN:,} of {len(images):,} are shown; the downloads have all.")
    offer_downloads("audit", lambda: columns_of(images), key="audit-files")


def show_expected(board: Board, images: list[Audited]) -> None:
    """Say what a model that the reader chooses is expected to lose on these images."""
    standing = board.standing
    curves = jpeg_curves(standing.entries) if standing else {}
    if standing is None or not curves:
        st.text("What a model would lose on them: measure one under JPEG first. Run: suite demo")
        return
    model = choose("Expected drop of", list(curves), key="model")
    expected = expected_drop(images, curves[model])
    if expected is not None:
        st.text(sentence(expected, model, standing.protocol.label))
