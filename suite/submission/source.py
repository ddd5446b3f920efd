"""A contributor's file, read and never run: its bytes, and the names that its Python defines."""

from __future__ import annotations

import ast
import io
import stat
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from suite.errors import InvalidManifest

MOST_BYTES = 256 << 10
"""Of the file."""
WHOLE_FILE = 0
"""The line of a problem that no line has."""


class Problem(NamedTuple):
    """What is wrong, in which line."""

    line: int
    text: str


def contents(path: Path) -> bytes:
    """Return the bytes of a regular file that is not too large. Raises InvalidManifest."""
    try:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            what = "a symbolic link" if stat.S_ISLNK(mode) else "no regular file"
            raise InvalidManifest(str(path), [(WHOLE_FILE, f"This is {what}. Name the Python file itself.")])
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or error
        raise InvalidManifest(str(path), [(WHOLE_FILE, f"It cannot be read ({reason}).")]) from error


def problems_of_bytes(data: bytes) -> Iterator[Problem]:
    """Yield why bytes are not the text that Python would read."""
    if len(data) > MOST_BYTES:
        yield Problem(WHOLE_FILE, f"Expected at most {MOST_BYTES >> 10} KiB; put weights into files of their own.")
        return
    if data.startswith(b"\xef\xbb\xbf"):
        yield Problem(1, "The file starts with a byte order mark. Save it as UTF-8 without one.")
    text = data.replace(b"\r\n", b"\n")
    for byte, name in ((b"\0", "a NUL byte"), (b"\r", "a carriage return that ends no line")):
        where = text.find(byte)
        if where >= 0:
            yield Problem(line_at(text, where), f"There is {name}. Remove it; lines end with LF or CRLF.")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        yield Problem(line_at(data, error.start), f"This is not UTF-8 ({error.reason}). Save the file as UTF-8.")
    else:
        yield from problems_of_encoding(data)


def line_at(data: bytes, offset: int) -> int:
    """Return the line, from 1, of the byte at that offset."""
    return data.count(b"\n", 0, offset) + 1


def problems_of_encoding(data: bytes) -> Iterator[Problem]:
    """Yield the comment that has Python read the file as something else than UTF-8 (PEP 263)."""
    stream = io.BytesIO(data)
    try:
        encoding, _ = tokenize.detect_encoding(stream.readline)
    except SyntaxError:
        encoding = "unknown"
    if encoding not in {"utf-8", "utf-8-sig"}:
        line = len(data[: stream.tell()].splitlines())
        yield Problem(line, f"A comment says that the encoding is {encoding}. Remove it: the file is UTF-8.")


def defined_names(text: str) -> frozenset[str] | Problem:
    """Return the names of the classes, functions and variables at the top level, or why this is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as for "\d": nobody's business here
            tree = ast.parse(text)
    except SyntaxError as error:
        return Problem(max(1, error.lineno or 1), f"This is not Python: {error.msg[:200]}.")
    except (ValueError, RecursionError, MemoryError):  # as CPython's parser calls what is nested too deeply
        return Problem(WHOLE_FILE, "Python cannot read this: it is nested too deeply, or a number is too long.")
    return frozenset(name for node in tree.body for name in bound_by(node))


def bound_by(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement gives to a class, a function or a value."""
    match node:
        case ast.ClassDef() | ast.FunctionDef():
            yield node.name
        case ast.Assign(targets=targets):
            parts = (part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
            yield from (part.id for part in parts if isinstance(part.ctx, ast.Store))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            yield name
