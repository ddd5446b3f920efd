"""Which codec, setting and mitigation are smallest for a drop that may be had, and how sure that is."""

from __future__ import annotations

import streamlit as st

from leaderboard.elements import choose, choose_some, measured, show_panels, show_text_table
from leaderboard.opened import Board, kept_advice
from suite.errors import SuiteError
from suite.report.advice import Advice, Question, sentence, text_table
from suite.report.board.standing import Standing
from suite.report.charts.advice import advice_panels, mitigations_in
from suite.report.charts.curves import legend_of
from suite.report.tables import in_order

USUAL = "the originals as stored, or the highest JPEG setting"
LEVELS = ("90 %", "95 %", "99 %")


def show(board: Board) -> None:
    """Answer one question about one model."""
    st.header("Advisor")
    standing = measured(board)
    if standing is None:
        return
    question = asked(standing)
    try:
        with st.spinner("Resampling the images"):
            answers = kept_advice(board.path, board.state, standing.protocol.digest, question)
    except SuiteError as error:
        st.text(str(error))
        return
    for advice in answers:
        show_advice(standing.protocol.label, advice)
    if not answers:
        st.text("This model has no results on all samples from a machine whose codecs conform.")


def asked(standing: Standing) -> Question:
    """Let the reader ask."""
    rows, conditions = standing.entries.rows, standing.entries.conditions
    left, right = st.columns(2)
    with left:
        lost = st.number_input("Points I may lose", 0.0, 100.0, 5.0, 0.5, key="lose", bind="query-params")
    with right:
        model = choose("Model", in_order(row.model.name for row in rows), key="model")
    with st.expander("More"):
        of_model = in_order(row.mitigation.name for row in rows if row.model.name == model)
        mitigations = choose_some("Mitigations", of_model, key="mitigations")
        codecs = choose_some("Codecs", in_order(on.codec for on in conditions), key="codecs")
        baseline = choose("Bytes saved against", [USUAL, *map(setting_name, conditions)], key="baseline")
        level = choose("Confidence", LEVELS, key="confidence", index=1)
        together = st.toggle("The confidence holds for all rows at once", key="simultaneous", bind="query-params")
    return Question(
        budget=lost / 100,
        level=float(level.removesuffix(" %")) / 100,
        simultaneous=together,
        models=(model,),
        mitigations=mitigations,
        codecs=codecs,
        baseline=None if baseline == USUAL else baseline,
    )


def setting_name(on: object) -> str:
    """Return a condition as a question names it."""
    codec, parameter, value = str(on).rsplit(" ", 2)
    return f"{codec} {parameter}={value}"


def show_advice(label: str, advice: Advice) -> None:
    """Show the answer, and what it rests on."""
    st.text(sentence(advice))
    names = mitigations_in(advice)
    show_panels(advice_panels(advice), legend_of(names) if len(names) > 1 else None)
    show_text_table(text_table(label, advice))
