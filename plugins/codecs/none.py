"""The original as a codec: every reference is measured through it, so that references need no path of their own."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from suite.api import Card, Image, Setting
from suite.api.pixels import require_rgb
from suite.errors import CodecError

HEADER = struct.Struct("<4sII")
MAGIC = b"RGB8"
LARGEST_SIDE = 1 << 16


@dataclass(frozen=True)
class NoCodec:
    """Loses nothing and saves nothing: the bitstream is a magic, the height, the width and the RGB bytes."""

    name: ClassVar[str] = "none"
    version: ClassVar[str] = "1"
    card: ClassVar[Card] = Card(summary="The uncompressed original.", licence="Apache-2.0")

    @property
    def build(self) -> str:
        """No library makes the bits."""
        return "raw RGB"

    def settings(self) -> Sequence[Setting]:
        """Return the only setting."""
        return (Setting("none", 0),)

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return header and pixels. Raises CodecError for anything but uint8 RGB."""
        if setting != Setting("none", 0):
            raise CodecError(f"The original has the setting none=0 only, but got {setting}.")
        height, width, _ = require_rgb(image).shape
        if max(height, width) > LARGEST_SIDE:
            raise CodecError(f"Expected sides up to {LARGEST_SIDE} pixels, but got {width}x{height}.")
        return HEADER.pack(MAGIC, height, width) + image.tobytes()

    def decode(self, data: bytes) -> Image:
        """Return the pixels, as a read-only view of ``data``. Raises CodecError."""
        if len(data) < HEADER.size:
            raise CodecError(f"{len(data)} bytes are no original: the header alone has {HEADER.size}.")
        magic, height, width = HEADER.unpack_from(data)
        if magic != MAGIC or not (0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE):
            raise CodecError(f"{len(data)} bytes do not start as an original does.")
        if len(data) != HEADER.size + height * width * 3:
            raise CodecError(f"{len(data)} bytes do not hold the {width}x{height} pixels that they announce.")
        return np.frombuffer(data, np.uint8, offset=HEADER.size).reshape(height, width, 3)
