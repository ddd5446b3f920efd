"""What a reader sees of Markdown in which every mark is escaped."""

from __future__ import annotations

import re


def plain(markdown: str) -> str:
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)
