"""What several pages draw: tables, downloads, and what to run where there is nothing to show.

Whatever comes from a plugin or a submission is drawn as text: in a table's cell or by `st.text`, never as Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from leaderboard.opened import Board
from suite.report.board.columns import Columns
from suite.report.board.standing import Standing
from suite.report.charts.style import PANELS_A_ROW
from suite.report.downloads import FORMATS
from suite.report.tables import TextTable

ALONE_HEIGHT, MULTIPLE_HEIGHT = 440, 310
"""Of a chart with its title and axes, in pixels."""

MARKUP = re.compile(r"([!-/:-@\[-`{-~])")
"""Every punctuation mark of ASCII: Markdown takes each, after a backslash, for itself."""

DIGITS = {"bpp": "%.3f", "SSIM": "%.4f", "images/s": "%.1f", "p-value": "%.2g", "Holm": "%.2g"}
"""How numbers are shown whose column's title ends so; others have two decimals."""


def measured(board: Board) -> Standing | None:
    """Return the standing to show, or say what to run and return None."""
    if board.standing is None:
        say(f"{board.path} has no results yet. Run: suite demo --database {board.path}")
    elif not board.standing.entries.rows:
        label = board.standing.protocol.label
        say(f"There are no results of {label} yet. Run: suite run {label} --database {board.path}")
    else:
        return board.standing
    return None


def say(sentence: str) -> None:
    """Show a sentence in a box; nothing in it is read as Markdown."""
    st.info(verbatim(sentence))


def verbatim(text: str) -> str:
    """Return Markdown that shows a text as it is, without directives, formulas, links or emoji."""
    return MARKUP.sub(r"\\\1", text)


def show_text_table(table: TextTable) -> None:
    """Show a table of text; nothing in it is read as Markdown or HTML."""
    st.subheader(verbatim(table.title))
    st.dataframe([dict(zip(table.columns, row, strict=True)) for row in table.rows], hide_index=True)
    for note in table.notes:
        st.text(note)


def show_columns(columns: Columns, *, shown: Collection[str] | None = None, key: str | None = None) -> None:
    """Show typed columns: numbers at the right, sorted as numbers."""
    wanted = {title: values for title, values in columns.items() if shown is None or title in shown}
    formats = {
        title: st.column_config.NumberColumn(format=digits_of(title))
        for title, values in wanted.items()
        if any(isinstance(value, float) for value in values)
    }
    st.dataframe(wanted, hide_index=True, column_config=formats, key=key)


def show_panels(charts: Mapping[str, Any], legend: Any = None) -> None:
    """Show small multiples side by side, below each other where the page is narrow, under one legend."""
    if legend is not None:
        st.altair_chart(legend, width="stretch")
    panels = list(charts.values())
    if len(panels) == 1:
        draw(panels[0], height=ALONE_HEIGHT)
        return
    for start in range(0, len(panels), PANELS_A_ROW):
        for place, chart in zip(st.columns(PANELS_A_ROW), panels[start : start + PANELS_A_ROW], strict=False):
            with place:
                draw(chart, height=MULTIPLE_HEIGHT)


def draw(chart: Any, *, height: int) -> None:
    """Draw a panel. The tests check its form: to check many of them each time would take as long as all the rest."""
    spec = chart.to_dict(validate=False)
    spec.pop("config", None)  # Altair's own sizes, which Streamlit leaves out as well.
    st.vega_lite_chart(spec | {"height": height}, width="stretch")


def digits_of(title: str) -> str:
    """Return the format of a column's numbers."""
    return next((form for ending, form in DIGITS.items() if title.endswith(ending)), "%.2f")


def offer_downloads(name: str, columns: Callable[[], Columns], *, key: str) -> None:
    """Offer a table as files; they are made when they are asked for."""
    for place, (title, form) in zip(st.columns(len(FORMATS)), FORMATS.items(), strict=True):
        place.download_button(
            title,
            data=lambda form=form: form.write(columns()),
            file_name=f"{name}.{form.suffix}",
            mime=form.media_type,
            key=f"{key}-{form.suffix}",
            on_click="ignore",
            width="stretch",
        )


def link_to_entry(label: str, name: str) -> None:
    """Link to an entry's page under the protocol that is shown; ``label`` is no text of a plugin's."""
    protocol = {"protocol": st.query_params["protocol"]} if "protocol" in st.query_params else {}
    st.link_button(label, f"entry?{urlencode({**protocol, 'entry': name})}")


def choose(label: str, options: Collection[str], *, key: str, **more: Any) -> str:
    """Let the reader choose one of several; the choice is in the page's address."""
    return str(st.selectbox(label, list(options), key=key, bind="query-params", **more))


def choose_some(label: str, options: Collection[str], *, key: str, **more: Any) -> tuple[str, ...]:
    """Let the reader choose any number of several; the choice is in the page's address."""
    return tuple(st.multiselect(label, list(options), key=key, bind="query-params", **more))
