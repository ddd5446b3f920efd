"""The mitigation that does nothing: what every other one is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from suite.api import Card, Frame, Image


@dataclass(frozen=True)
class NoMitigation:
    """The identity restoration: the model sees the decoded images as they are."""

    name: ClassVar[str] = "none"
    version: ClassVar[str] = "1"
    card: ClassVar[Card] = Card(summary="No mitigation.", licence="Apache-2.0")

    def load(self, device: str) -> None:
        """Nothing to load."""

    def restore(self, frames: Sequence[Frame]) -> Sequence[Image]:
        """Return the frames' images, the same arrays."""
        return [frame.image for frame in frames]
