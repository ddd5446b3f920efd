"""How long work tells of itself. The command line shows it; the library only says it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told by whatever takes long; never called from a worker thread except `note`."""

    def start(self, what: str, total: int | None) -> None:
        """Begin a piece of work of ``total`` units, None where the number is not known."""

    def advance(self, units: int) -> None:
        """Add to the units done."""

    def note(self, text: str) -> None:
        """Say something that the user should know, once."""


class Silent:
    """Progress that nobody watches."""

    def start(self, what: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, units: int) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
