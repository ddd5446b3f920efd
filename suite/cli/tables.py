"""Tables on a terminal: as wide as they need to be in a log, fitted to the window for a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence

WIDTH_IN_A_LOG = 160


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """Print a table to standard output; columns of numbers are right-aligned."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = all(is_numeric(row[index]) for row in rows)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=None if sys.stdout.isatty() else WIDTH_IN_A_LOG)
    console.print(table)
    for note in notes:
        console.print(Text(f"  {note}"))


def is_numeric(cell: str) -> bool:
    """Whether a cell starts as a number does, or is empty."""
    return cell.lstrip("+-")[:1].isdigit() or cell in ("", "-")
