"""Lossy WebP as Pillow writes it (libwebp); byte for byte what ``cwebp -q QUALITY -m METHOD`` writes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from PIL import Image as PillowImage
from PIL import features

from plugins.codecs.checks import check_parameters, checked_number
from suite.api import Card, Image, Setting
from suite.api.pillow import decoded_rgb
from suite.api.pixels import require_rgb
from suite.errors import CodecError

IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "method": (0, 1, 2, 3, 4, 5, 6),
    "chroma": ("4:2:0",),
    "lossless": (False,),
    "preset": ("default",),
}
QUALITIES = range(101)
LARGEST_SIDE = 16_383
LARGEST_AREA = 1 << 26

HEADER = 30
KEY_FRAME, START_CODE = 0, b"\x9d\x01\x2a"


@dataclass(frozen=True, kw_only=True)
class Webp:
    """Lossy WebP, quality 0 to 100 on WebP's own scale, no metadata in the bitstream.

    ``method``: libwebp's effort, 0 (fast) to 6 (thorough). ``chroma``: a lossy WebP has no other than 4:2:0.
    ``preset``: libwebp's default filtering, segments and spatial noise shaping, for which Pillow has no option; the
    decoder filters and interpolates chroma ("fancy upsampling"), also as by default.
    On 294 bitstreams (6 sizes from 1x1 to 500x375, all methods, 7 qualities) bytes equalled cwebp's and pixels
    dwebp's, 1.6.0 and 1.2.4 alike, with Pillow 13.0.0 on libwebp 1.6.0.
    Raises UsageError for a value that is not implemented.
    """

    method: int = 4
    chroma: str = "4:2:0"
    lossless: bool = False
    preset: str = "default"

    name: ClassVar[str] = "webp"
    version: ClassVar[str] = "1"
    card: ClassVar[Card] = Card(
        summary="Lossy WebP through Pillow and libwebp.",
        authors="Google; the libwebp and Pillow projects",
        licence="BSD-3-Clause AND MIT-CMU",
        paper="RFC 9649, RFC 6386",
        code="https://github.com/python-pillow/Pillow",
    )

    def __post_init__(self) -> None:
        check_parameters(self, IMPLEMENTED)

    @property
    def build(self) -> str:
        """The libraries that make the bits."""
        return f"Pillow {features.version_module('pil')}, libwebp {features.version_module('webp')}"

    def settings(self) -> Sequence[Setting]:
        """Return quality 0 to 100."""
        return tuple(Setting("quality", quality) for quality in QUALITIES)

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream. Raises CodecError for another setting, or for anything but uint8 RGB."""
        quality = checked_number(setting, "quality", QUALITIES)
        height, width, _ = require_rgb(image).shape
        if max(height, width) > LARGEST_SIDE or height * width > LARGEST_AREA:
            raise CodecError(f"WebP takes up to {LARGEST_SIDE} pixels a side and 2**26 in all, not {width}x{height}.")
        buffer = io.BytesIO()
        try:
            PillowImage.fromarray(image).save(
                buffer, "WEBP", quality=quality, method=self.method, lossless=self.lossless
            )
        except (OSError, ValueError) as error:
            raise CodecError(f"Pillow cannot write {width}x{height} at {setting}: {error}") from error
        return buffer.getvalue()

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what this codec does not write."""
        check_structure(data)
        return decoded_rgb(data, ("WEBP",))


def check_structure(data: bytes) -> None:
    """Raise CodecError unless ``data`` is one lossy chunk, complete, whose key frame has a size within bounds.

    libwebp allocates the announced size before it decodes, and reads over what follows the image.
    """
    if len(data) < HEADER or (data[:4], data[8:16]) != (b"RIFF", b"WEBPVP8 "):
        raise CodecError(f"{len(data)} bytes do not start as a lossy WebP without metadata.")
    riff, chunk = (int.from_bytes(data[at : at + 4], "little") for at in (4, 16))
    if riff != len(data) - 8 or chunk + chunk % 2 != len(data) - 20:
        raise CodecError(f"A WebP header announces {riff + 8} bytes, with {chunk} of an image; got {len(data)}.")
    if data[20] & 1 != KEY_FRAME or data[23:26] != START_CODE:
        raise CodecError("A WebP's image does not start with a key frame.")
    # 14 bits each; the two above them ask players to scale, which nothing here does.
    width, height = (int.from_bytes(data[at : at + 2], "little") for at in (26, 28))
    if not 0 < width <= LARGEST_SIDE or not 0 < height <= LARGEST_SIDE or width * height > LARGEST_AREA:
        raise CodecError(f"A WebP header announces {width}x{height} pixels; expected up to {LARGEST_AREA} in all.")
