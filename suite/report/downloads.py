"""Tables as files: CSV, JSON, Parquet and LaTeX, with the same columns and rows in each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from suite.report.board.columns import Columns


class Format(NamedTuple):
    """A kind of file: how it is made of columns, its suffix and its media type."""

    write: Callable[[Columns], bytes]
    suffix: str
    media_type: str


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), with the full-width forms."""


def rows_of(columns: Columns) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def to_csv(columns: Columns) -> bytes:
    """Return UTF-8 text with a header; text that a spreadsheet would run as a formula starts with an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(map(disarmed, columns))
    writer.writerows([disarmed(plain(value)) for value in values] for values in zip(*columns.values(), strict=True))
    return out.getvalue().encode()


def disarmed(value: Any) -> Any:
    """Return text that no spreadsheet takes for a formula; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def to_json(columns: Columns) -> bytes:
    """Return a list of objects, one a row; times are ISO 8601 text."""
    rows = [{name: plain(value) for name, value in row.items()} for row in rows_of(columns)]
    return json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False).encode()


def plain(value: Any) -> Any:
    """Return a value as text or number."""
    return value.isoformat() if isinstance(value, datetime) else value


def to_parquet(columns: Columns) -> bytes:
    """Return a Parquet file with typed columns."""
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


def to_latex(columns: Columns) -> bytes:
    """Return a ``tabular`` with booktabs rules: numbers with two decimals at the right, text at the left."""
    numeric = [all(isinstance(value, int | float | None) for value in values) for values in columns.values()]
    lines = [
        rf"\begin{{tabular}}{{{''.join('r' if each else 'l' for each in numeric)}}}",
        r"\toprule",
        latex_row(columns),
        r"\midrule",
        *(latex_row(values) for values in zip(*columns.values(), strict=True)),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return ("\n".join(lines) + "\n").encode()


def latex_row(values: Any) -> str:
    """Return a line of a table."""
    return " & ".join(map(latex, values)) + r" \\"


LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\n": " ",
    "\r": " ",
    **{each: f"\\{each}" for each in "&%$#_{}"},
}


def latex(value: Any) -> str:
    """Return a value as LaTeX prints it; "--" for what is not known."""
    if value is None:
        return "--"
    if isinstance(value, float):
        return f"{value:.2f}"
    return "".join(LATEX.get(each, each) for each in str(plain(value)))


FORMATS: Mapping[str, Format] = {
    "CSV": Format(to_csv, "csv", "text/csv"),
    "JSON": Format(to_json, "json", "application/json"),
    "Parquet": Format(to_parquet, "parquet", "application/vnd.apache.parquet"),
    "LaTeX": Format(to_latex, "tex", "application/x-tex"),
}
