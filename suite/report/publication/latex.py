"""A publication's tables as LaTeX, to be included in a paper that loads booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from suite.report.downloads import latex
from suite.report.publication.document import NamedTable
from suite.report.publication.page import NUMBER, UNSEEN

PREAMBLE = r"% \usepackage{booktabs}, and \usepackage[T1]{fontenc} unless with LuaLaTeX or XeLaTeX"


def latex_of(named: NamedTable) -> str:
    """Return a ``tabular``: numbers at the right, text at the left; title and notes stand in comments above it."""
    table = named.table
    numeric = [all(NUMBER.fullmatch(row[place]) for row in table.rows) for place in range(len(table.columns))]
    lines = (
        *(f"% {printable(each)}" for each in (table.title, *table.notes)),
        PREAMBLE,
        rf"\begin{{tabular}}{{{''.join('r' if each else 'l' for each in numeric)}}}",
        r"\toprule",
        row_of(table.columns),
        r"\midrule",
        *map(row_of, table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    )
    return "\n".join(lines) + "\n"


def printable(value: str) -> str:
    """Return text on one line, without characters that no reader sees."""
    return " ".join(UNSEEN.sub("", value).split())


def row_of(cells: Sequence[str]) -> str:
    r"""Return a line of a table.

    The ``\\`` of the line before would take a ``[`` or ``*`` at its start for an argument of its own.
    """
    line = " & ".join(latex(printable(cell)) for cell in cells) + r" \\"
    return f"{{}}{line}" if line.startswith(("[", "*")) else line
