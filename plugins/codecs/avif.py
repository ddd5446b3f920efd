"""AVIF as Pillow writes it: libavif with libaom's encoder, decoded by dav1d."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image as PillowImage
from PIL import features

from plugins.codecs.boxes import Picture, single_picture
from plugins.codecs.checks import check_parameters, check_size, checked_image, checked_number
from suite.api import Card, Image, Setting
from suite.errors import CodecError, InvalidPlugin

IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "encoder": ("aom",),
    "tune": ("iq", "ssim", "psnr"),
    "speed": tuple(range(11)),
    "chroma": ("4:2:0", "4:4:4"),
    "range": ("full", "limited"),
    "tiles": (1,),
    "threads": (1,),
}
QUALITIES = range(100)
LARGEST_SIDE = 32_768
"""What libavif decodes; it would encode twice that."""
LARGEST_AREA = 1 << 26
PROPERTIES = {b"ispe", b"pixi", b"av1C", b"colr"}
SEQUENCE_START = b"\x12\x00\x0a"
"""An empty temporal delimiter, then the type of a sequence header; its length follows in a byte."""
DAMAGED = (EOFError, MemoryError, OSError, RuntimeError, SyntaxError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Avif:
    """Lossy AVIF of 8 bits, quality 0 to 99 of libavif (which knows 64 steps, so that some neighbours are alike).

    Quality 100 is another coder: AV1's lossless mode, for which libaom does not take "iq".
    ``encoder``: libaom; what else libavif can use is not in Pillow's wheels. ``tune``: what libaom optimises for; "iq",
    its setting for still images, is libavif's default. ``range``: of Y, Cb and Cr, which are BT.601's.
    ``tiles``: no tiles, hence no automatic choice of them either. ``threads``: of the encoder and of the decoder; with
    more, libaom writes other bytes.
    Debian 12's avifenc 0.11.1 has libaom 3.6.0, which knows no "iq" and decides otherwise: with tune "ssim", the same
    quantizer and four sizes from 33x17 to 500x375, sizes were within 4 % of its files and PSNR within 0.8 dB. Pixels
    equal those of its avifdec (dav1d 1.0.0), for our files and for its own.
    Raises UsageError for a value that is not implemented, InvalidPlugin without AVIF in Pillow.
    """

    encoder: str = "aom"
    tune: str = "iq"
    speed: int = 6
    chroma: str = "4:2:0"
    range: str = "full"
    tiles: int = 1
    threads: int = 1

    name: ClassVar[str] = "avif"
    version: ClassVar[str] = "1"
    card: ClassVar[Card] = Card(
        summary="AVIF through Pillow, libavif, libaom and dav1d.",
        authors="Alliance for Open Media; the libavif, libaom, dav1d and Pillow projects",
        licence="BSD-2-Clause AND MIT-CMU",
        paper="AV1 Image File Format (AVIF) 1.1; AV1 Bitstream & Decoding Process Specification",
        code="https://github.com/python-pillow/Pillow",
    )

    def __post_init__(self) -> None:
        check_parameters(self, IMPLEMENTED)

    @property
    def build(self) -> str:
        """The libraries that make the bits. Raises InvalidPlugin where Pillow lacks them."""
        library = pillow_avif()
        if not (library.encoder_codec_available(self.encoder) and library.decoder_codec_available("dav1d")):
            raise InvalidPlugin(
                f"Pillow's libavif has not both {self.encoder} and dav1d, but {library.codec_versions()}. "
                "Install Pillow from its wheel: pip install --force-reinstall pillow"
            )
        pillow, libavif = features.version_module("pil"), library.libavif_version
        return f"Pillow {pillow}, libavif {libavif}, {library.codec_versions()}"

    def settings(self) -> Sequence[Setting]:
        """Return quality 0 to 99."""
        return tuple(Setting("quality", quality) for quality in QUALITIES)

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the file, container included. Raises CodecError for another setting, or anything but uint8 RGB."""
        quality = checked_number(setting, "quality", QUALITIES)
        height, width, _ = checked_image(image, LARGEST_SIDE, LARGEST_AREA).shape
        buffer = io.BytesIO()
        try:
            PillowImage.fromarray(image).save(
                buffer,
                "AVIF",
                quality=quality,
                codec=self.encoder,
                advanced={"tune": self.tune},
                speed=self.speed,
                subsampling=self.chroma,
                range=self.range,
                tile_rows=0,
                tile_cols=0,
                autotiling=False,
                max_threads=self.threads,
            )
        except DAMAGED as error:
            raise CodecError(f"libavif cannot write {width}x{height} at {setting}: {error}") from error
        return buffer.getvalue()

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what this codec does not write."""
        width, height = checked_announcement(data)
        try:
            # Pillow's own reader takes as many threads as there are processors.
            pixels = pillow_avif().AvifDecoder(data, "dav1d", self.threads).get_frame(0)[0]
        except DAMAGED as error:
            raise CodecError(f"{len(data)} bytes do not decode as AVIF: {error}") from error
        if len(pixels) != width * height * 3:
            raise CodecError(f"{len(data)} bytes of AVIF gave {len(pixels)} bytes, not RGB of {width}x{height}.")
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def pillow_avif() -> Any:
    """Return Pillow's binding of libavif. Raises InvalidPlugin."""
    try:
        from PIL import _avif
    except ImportError as error:
        raise InvalidPlugin(f"This Pillow cannot write AVIF ({error}). Run: pip install 'pillow>=11.3'") from error
    return _avif


def checked_announcement(data: bytes) -> tuple[int, int]:
    """Return width and height, alike in the container and in the bitstream. Raises CodecError."""
    picture = single_picture(data, PROPERTIES)
    width, height = picture.width, picture.height
    check_size(width, height, LARGEST_SIDE, LARGEST_AREA)
    if sequence_size(picture) != (width, height):
        raise CodecError(f"An AVIF file announces {width}x{height}, but its bitstream another size.")
    return width, height


def sequence_size(picture: Picture) -> tuple[int, int]:
    """Return the width and height in a still picture's sequence header (AV1, 5.5.1). Raises CodecError."""
    header = picture.bitstream[4:20]
    bits = f"{int.from_bytes(header):0{len(header) * 8}b}"
    if not picture.bitstream.startswith(SEQUENCE_START) or len(bits) < 128 or bits[3:5] != "11":
        raise CodecError("An AVIF file's bitstream does not start with the header of a still picture.")
    width_bits, height_bits = int(bits[10:14], 2) + 1, int(bits[14:18], 2) + 1
    width_end = 18 + width_bits
    return int(bits[18:width_end], 2) + 1, int(bits[width_end : width_end + height_bits], 2) + 1
