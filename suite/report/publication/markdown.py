"""A publication as Markdown (CommonMark with tables), in which no text of a plugin is markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from suite.report.publication.document import Document, Figure, NamedTable, Section, Verbatim
from suite.report.publication.page import MOST_ROWS, UNSEEN, rest
from suite.report.tables import TextTable

MARKUP = re.compile(r"([\\`*_{}\[\]<>&|~$!#@^]|(?<=:)/(?=/)|(?<=www)\.)")
"""What would be markup anywhere in a line, a formula, a mention or a link made of a bare address."""

AT_THE_START = re.compile(r"^([-+=]|\d+(?=[.)]))")
FENCES = re.compile(r"`+")


def markdown_of(document: Document) -> str:
    """Return the document; figures are linked to, beside it."""
    return "\n\n".join((f"# {text(document.title)}", *map(section_markdown, document.sections))) + "\n"


def text(value: str) -> str:
    """Return text on one line as Markdown prints it."""
    return MARKUP.sub(r"\\\1", " ".join(UNSEEN.sub("", value).split()))


def paragraph(value: str) -> str:
    """Return text as a paragraph, not a list or a heading."""
    return AT_THE_START.sub(lambda found: found[0] + "\\" if found[0].isdigit() else f"\\{found[0]}", text(value))


def section_markdown(section: Section) -> str:
    """Return a section."""
    parts = (
        f"## {text(section.title)}",
        *map(paragraph, section.sentences),
        *map(figure_markdown, section.figures),
        *(table_markdown(named, most=MOST_ROWS) for named in section.tables),
        *map(verbatim_markdown, section.verbatim),
    )
    return "\n\n".join(parts)


def figure_markdown(figure: Figure) -> str:
    """Return a figure with its caption, or why it is not there."""
    if not figure.files:
        return f"### {text(figure.title)}\n\n{paragraph(figure.lacking)}"
    link = f"![{text(figure.title)}](figures/{figure.name}.svg)"
    return f"### {text(figure.title)}\n\n{link}\n\n{paragraph(figure.caption)}"


def table_markdown(named: NamedTable, *, most: int | None = None) -> str:
    """Return a table with its title and notes, ``most`` rows of it."""
    table = named.table
    notes = (*table.notes, *(rest(named) if most else ()))
    return "\n\n".join((f"### {text(table.title)}", pipes(table, table.rows[:most]), *map(paragraph, notes)))


def pipes(table: TextTable, rows: Sequence[Sequence[str]]) -> str:
    """Return columns and rows between pipes."""
    rule = "|".join("---" for _ in table.columns)
    return "\n".join((line(table.columns), f"|{rule}|", *map(line, rows)))


def line(cells: Sequence[str]) -> str:
    """Return one row."""
    return f"| {' | '.join(map(text, cells))} |"


def verbatim_markdown(verbatim: Verbatim) -> str:
    """Return text to be copied, in a fence that it does not hold."""
    fence = "`" * max(3, 1 + max(map(len, FENCES.findall(verbatim.text)), default=0))
    return f"### {text(verbatim.title)}\n\n{fence}text\n{verbatim.text.rstrip()}\n{fence}"
