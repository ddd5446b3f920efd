"""A publication as one HTML page that needs nothing else: figures inline, no script, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from suite.report.publication.document import Document, Figure, NamedTable, Section, Verbatim

LONG_CELL = 48
"""Longer text in a cell is wrapped."""

MOST_ROWS = 100
"""Longer tables go on in their own files."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root{color-scheme:light dark;--soft:#8884}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem}
h1{line-height:1.2}h2{margin-top:3rem;border-bottom:1px solid var(--soft)}h3{margin:2rem 0 .5rem}
nav ul{columns:14rem;padding-left:1.2rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--soft)}
thead th{vertical-align:bottom}
td{white-space:nowrap}.number{text-align:right}
.long{white-space:normal;overflow-wrap:anywhere;min-width:18rem}
p,h1,h2,h3{overflow-wrap:anywhere}
figure{margin:1rem 0}figure svg{overflow:visible;margin:0 2rem}figcaption,.note{font-size:.875rem;opacity:.85}
pre{overflow-x:auto;padding:.7rem;border:1px solid var(--soft);font-size:.8rem}
@media print{.wide{overflow:visible}nav{display:none}}
""".strip()
NUMBER = re.compile(r"(-|[+-]?[\d,]+(\.\d+)?( \[.*\]| \(.*\))?)?")
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def html_of(document: Document) -> str:
    """Return the page."""
    links = "".join(f'<li><a href="#{each.name}">{text(each.title)}</a></li>' for each in document.sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{text(document.title)}</title><style>\n{STYLE}\n</style></head>\n<body><main>"
        f"<h1>{text(document.title)}</h1>\n<nav><ul>{links}</ul></nav>\n"
        f"{''.join(map(section_html, document.sections))}</main></body></html>\n"
    )


def text(value: str) -> str:
    """Return text as HTML shows it, without characters that no reader sees."""
    return escape(UNSEEN.sub("", value))


def section_html(section: Section) -> str:
    """Return a section."""
    parts = [
        *(f"<p>{text(sentence)}</p>" for sentence in section.sentences),
        *map(figure_html, section.figures),
        *map(table_html, section.tables),
        *map(verbatim_html, section.verbatim),
    ]
    return f'<section id="{section.name}"><h2>{text(section.title)}</h2>\n{"".join(parts)}</section>\n'


def figure_html(figure: Figure) -> str:
    """Return a figure with its caption, or why it is not there."""
    if not figure.svg:
        return f'<h3>{text(figure.title)}</h3><p class="note">{text(figure.lacking)}</p>\n'
    drawing = figure.svg.replace("<svg ", f'<svg role="img" aria-label="{text(figure.title)}" ', 1)
    return (
        f'<h3>{text(figure.title)}</h3><figure id="figure-{figure.name}"><div class="wide">{drawing}</div>'
        f"<figcaption>{text(figure.caption)}</figcaption></figure>\n"
    )


def table_html(named: NamedTable) -> str:
    """Return a table with its notes."""
    table = named.table
    numeric = [all(NUMBER.fullmatch(row[place]) for row in table.rows) for place in range(len(table.columns))]
    head = cells("th", table.columns, numeric)
    body = "".join(f"<tr>{cells('td', row, numeric)}</tr>" for row in table.rows[:MOST_ROWS])
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in (*table.notes, *rest(named)))
    return (
        f'<h3 id="table-{named.name}">{text(table.title)}</h3><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{notes}\n"
    )


def cells(tag: str, row: Iterable[str], numeric: Iterable[bool]) -> str:
    """Return a row's cells."""
    return "".join(f"<{tag}{look(cell, right)}>{text(cell)}</{tag}>" for cell, right in zip(row, numeric, strict=True))


def look(cell: str, right: bool) -> str:
    """Return a cell's class: numbers stand at the right, long text is wrapped."""
    if right:
        return ' class="number"'
    return ' class="long"' if len(cell) > LONG_CELL else ""


def rest(named: NamedTable) -> list[str]:
    """Return where the rows are that a page does not show."""
    count = len(named.table.rows)
    where = f"the first {MOST_ROWS} of {count:,} rows; all are in tables/{named.name}.md and tables/{named.name}.tex"
    return [where] if count > MOST_ROWS else []


def verbatim_html(verbatim: Verbatim) -> str:
    """Return text to be copied."""
    return f"<h3>{text(verbatim.title)}</h3><pre>{text(verbatim.text)}</pre>\n"
