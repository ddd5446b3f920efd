"""In which line each value of a TOML text is, which `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, TypeAlias

Key: TypeAlias = tuple[str | int, ...]
"""Where a value is: the names of tables and keys, and the indices of lists, from the outermost to its own."""

STRING = r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|' + r"'''.*?''''{0,2}|" + r'"(?:\\[^\n]|[^"\\\n])*"|' + r"'[^'\n]*'"
TOKEN = re.compile(rf"(?P<string>{STRING})|#[^\n]*", re.DOTALL)


def blanked(toml: str) -> str:
    """Return TOML without comments and with S for each text, followed by a NUL for each end of line in it."""
    return TOKEN.sub(lambda token: "S" + "\0" * token[0].count("\n") if token["string"] else "", toml)


def statements(toml: str) -> Iterator[tuple[int, str]]:
    """Yield the statements of valid TOML, each with the index of its first line."""
    lines, first, after, depth = toml.split("\n"), 0, 0, 0
    for statement in blanked(toml).split("\n"):
        depth += sum(map(statement.count, "[{")) - sum(map(statement.count, "]}"))
        after += 1 + statement.count("\0")
        if depth == 0:
            yield first, "\n".join(lines[first:after])
            first = after


def lines_of(toml: str) -> dict[Key, int]:
    """Return the line, from 1, in which each table, key and element of valid TOML begins; that of it all is 0."""
    found: dict[Key, int] = {(): 0}
    lengths: dict[Key, int] = {}
    header: Key = ()
    for index, statement in statements(toml):
        line, table = 1 + index, tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            header = header_key(table, lengths, is_list=statement.lstrip().startswith("[["))
            note(found, header, line)
        else:
            for key, offset in values_of(table, offsets_of_texts(statement)):
                note(found, header + key, line + offset)
    return found


def note(found: dict[Key, int], key: Key, line: int) -> None:
    """Note the line of a value and, where none is known, of what it is in."""
    for length in range(1, len(key) + 1):
        found.setdefault(key[:length], line)


def header_key(table: Any, lengths: dict[Key, int], *, is_list: bool) -> Key:
    """Return where ``[a.b]`` or ``[[a.b]]`` is; ``lengths`` counts the elements of each list of tables so far."""
    names: list[str] = []
    while table:
        ((name, inner),) = table.items()
        names.append(name)
        table = inner[0] if isinstance(inner, list) else inner
    key: Key = ()
    for depth, name in enumerate(names, 1):
        key = (*key, name)
        if is_list and depth == len(names):
            lengths[key] = lengths.get(key, 0) + 1
        if key in lengths:
            key = (*key, lengths[key] - 1)
    return key


def offsets_of_texts(statement: str) -> list[int]:
    """Return by how many lines each text of a statement begins after the statement."""
    return [statement.count("\n", 0, token.start()) for token in TOKEN.finditer(statement) if token["string"]]


def values_of(value: Any, offsets: list[int], key: Key = ()) -> Iterator[tuple[Key, int]]:
    """Yield where each part of a statement's value is, and by how many lines it begins after the statement.

    Known for the elements of a list of texts; any other part counts as being in the statement's first line.
    """
    if key:
        yield key, 0
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from values_of(inner, offsets, (*key, name))
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield from (((*key, index), offset) for index, offset in enumerate(offsets[len(offsets) - len(value) :]))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from values_of(inner, offsets, (*key, index))
