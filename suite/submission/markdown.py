"""Markdown that a stranger's text cannot break out of, and the check that a comment is made of nothing else.

Needs the standard library only: the workflow that posts a comment runs ``python -m suite.submission.markdown FILE``
without installing anything. All text of others stands in code spans, where nothing is a link, a mention or HTML.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MARKER = "<!-- compression-suite submissions -->"
"""The first line of every comment, by which the next one finds it. GitHub does not show it."""
MOST_BYTES = 60_000
"""GitHub takes comments of up to 65,536 characters."""
LONGEST_CODE = 300

CODE = re.compile(r"`[ -_a-{}~]+`")
"""Without '|', at which a table would cut it into two."""
PLAIN = re.compile(r"(?:#{2,3} |- )?[A-Za-z0-9 .,:;%()+|-]*")
LINK = re.compile(r"www\.|\bhttps?:", re.IGNORECASE)
REPLACED = re.compile(r"[^ -_a-{}~]")


def code(text: str) -> str:
    """Return ``text`` as a code span: ASCII without '`' and '|', anything else as '?', at most `LONGEST_CODE` long."""
    return f"`{REPLACED.sub('?', text[:LONGEST_CODE]).strip() or '-'}`"


def fault_of(data: bytes) -> str:
    """Return why bytes are no comment of ours, empty where they are one."""
    if len(data) > MOST_BYTES:
        return f"it has {len(data):,} bytes, but {MOST_BYTES:,} are allowed"
    try:
        first, *lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        return "it is not ASCII"
    if first != MARKER:
        return "its first line is not ours"
    for number, line in enumerate(lines, start=2):
        plain = CODE.sub("", line)
        if "``" in line or LINK.search(plain) or not PLAIN.fullmatch(plain):
            return f"line {number} is not ours"
    return ""


def main(path: str) -> None:
    """Exit with status 1 and a reason unless the file at ``path`` is a comment of ours."""
    with Path(path).open("rb") as file:
        fault = fault_of(file.read(MOST_BYTES + 1))
    if fault:
        sys.exit(f"The comment is not posted: {fault}.")


if __name__ == "__main__":
    main(sys.argv[1])
