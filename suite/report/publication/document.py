"""What a publication consists of: sections with sentences, tables, figures and verbatim text, all of it plain text.

Only what writes it (`page`, `markdown`, `latex`) knows how to escape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from suite.report.tables import TextTable


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure. ``files`` are its bytes by suffix and ``svg`` is the element for a page; both empty where data lack.

    Then ``lacking`` says what to run.
    """

    name: str
    title: str
    caption: str
    files: Mapping[str, bytes]
    svg: str = ""
    lacking: str = ""


@dataclass(frozen=True, kw_only=True)
class NamedTable:
    """A table and the name of its files."""

    name: str
    table: TextTable


@dataclass(frozen=True, kw_only=True)
class Verbatim:
    """Text to be copied as it is."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with what stands below it, in this order."""

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[NamedTable, ...] = ()
    verbatim: tuple[Verbatim, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Document:
    """A publication."""

    title: str
    sections: tuple[Section, ...]

    @property
    def figures(self) -> list[Figure]:
        """All figures that were drawn."""
        return [figure for section in self.sections for figure in section.figures if figure.files]

    @property
    def tables(self) -> list[NamedTable]:
        """All tables."""
        return [table for section in self.sections for table in section.tables]
