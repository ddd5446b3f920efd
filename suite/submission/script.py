"""The inline metadata of a Python file (PEP 723): TOML in its comments, with the line of each value.

https://packaging.python.org/en/latest/specifications/inline-script-metadata/
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from suite.submission.source import Problem
from suite.submission.toml_lines import Key, blanked, lines_of, statements

MOST_CHARACTERS = 64 << 10
"""Of metadata."""
MOST_DOTS = 100
"""In a line of metadata, outside of texts and comments: the time to read a dotted key grows with its square."""

START = re.compile("# /// ([a-zA-Z0-9-]+)")
END = "# ///"
MEANT_AS_START = re.compile(r"\s*#\s*/{2,}\s*script\s*", re.IGNORECASE)
TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Block(NamedTuple):
    """The TOML of a block of metadata; ``first`` is the line of its ``# ///`` with its type."""

    first: int
    toml: str


class Metadata(NamedTuple):
    """What a block says, and in which line of the file each of its values is."""

    table: dict[str, Any]
    lines: Mapping[Key, int]

    def line_of(self, *key: str | int) -> int:
        """Return the line of a value; where it has none of its own, that of what it is in."""
        while key not in self.lines:
            key = key[:-1]
        return self.lines[key]


def metadata_of(text: str) -> Metadata | Problem:
    """Return what the one ``script`` block of a file says, or why it cannot be read. Lines end with LF."""
    block = block_of(text.split("\n"))
    if isinstance(block, Problem):
        return block
    if wrong := too_much(block):
        return wrong
    try:
        table = tomllib.loads(block.toml)
        lines = {key: block.first + line for key, line in lines_of(block.toml).items()}
        return Metadata(table, lines)
    except RecursionError:
        return Problem(block.first, "The metadata is nested too deeply.")
    except ValueError as error:
        return toml_problem(block, str(error))


def block_of(lines: list[str]) -> Block | Problem:
    """Return the ``script`` block, or why there is not exactly one."""
    closing, found, number = closing_lines(lines), list[Block](), 0
    while number < len(lines):
        start = START.fullmatch(lines[number])
        last = closing[number + 1]
        # At least one line is between them, as the specification's regular expression has it.
        closed = start is not None and last is not None and last > number + 1
        if start and start[1] == "script":
            if not closed:
                return unclosed(lines, number)
            found.append(Block(number + 1, "\n".join(line[2:] for line in lines[number + 1 : last])))
        number = last + 1 if closed and last else number + 1
    if len(found) > 1:
        return Problem(
            found[1].first, f"There is a script block in line {found[0].first} already. Keep one of the two."
        )
    return found[0] if found else no_block(lines)


def closing_lines(lines: list[str]) -> list[int | None]:
    """Return of each line the index of the last ``# ///`` in the comment from there on, None where there is none."""
    closing: list[int | None] = [None]
    for number in reversed(range(len(lines))):
        own = number if lines[number] == END else None
        further = own if closing[-1] is None else closing[-1]
        closing.append(further if is_of_block(lines[number]) else None)
    return [*reversed(closing), None]


def is_of_block(line: str) -> bool:
    """Whether a line may be of a block."""
    return line == "#" or line.startswith("# ")


def unclosed(lines: list[str], start: int) -> Problem:
    """Return why the block that begins at ``start`` has no end, or nothing in it."""
    if lines[start + 1 : start + 2] == [END]:
        return Problem(start + 1, "The metadata is empty; submissions/TEMPLATE/plugin.py is an example.")
    after = next((number for number in range(start + 1, len(lines)) if not is_of_block(lines[number])), None)
    found = "the end of the file" if after is None else f"{lines[after][:40]!r} in line {after + 1}"
    return Problem(
        start + 1,
        f"The metadata goes on until {found}, without '{END}' after it. Begin each of its lines with '# ' and close "
        f"it with the line '{END}'.",
    )


def no_block(lines: list[str]) -> Problem:
    """Return that there is no metadata, at the line that looks as if it were to begin it."""
    near = (number for number, line in enumerate(lines, 1) if MEANT_AS_START.fullmatch(line))
    return Problem(
        next(near, 1),
        "There is no metadata. Begin it with the line '# /// script'; submissions/TEMPLATE/plugin.py is an example.",
    )


def too_much(block: Block) -> Problem | None:
    """Return what would take too long to read."""
    if len(block.toml) > MOST_CHARACTERS:
        return Problem(block.first, f"Expected at most {MOST_CHARACTERS} characters of metadata.")
    line = block.first + 1
    for statement in blanked(block.toml).split("\n"):
        if statement.count(".") > MOST_DOTS:
            return Problem(line, f"Expected at most {MOST_DOTS} dots outside of texts. Write them into quotes.")
        line += 1 + statement.count("\0")
    return None


def toml_problem(block: Block, said: str) -> Problem:
    """Return what `tomllib` said with the line of the file."""
    lines, place = block.toml.split("\n"), TOML_PLACE.search(said)
    at_end = place is not None and place[1] is None
    number = len(lines) if at_end else int(place[1]) if place else unplaced_line(block.toml)
    found = lines[number - 1][:60]
    hint = " A block goes on to the last '# ///' of its comment: leave an empty line after the first."
    hint = hint if found.startswith("///") else ""
    return Problem(block.first + number, f"{found!r} is not TOML: {TOML_PLACE.sub('', said)[:200]}.{hint}")


def unplaced_line(toml: str) -> int:
    """Return the line of an error that `tomllib` gives no place for, such as a number that Python finds too long."""
    for first, statement in statements(toml):
        try:
            tomllib.loads(statement)
        except (ValueError, RecursionError):
            return first + 1
    return 1
