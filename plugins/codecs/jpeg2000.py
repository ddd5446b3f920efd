"""JPEG 2000 as Pillow writes it and OpenCV reads it (OpenJPEG both); what ``opj_compress -r RATIO`` writes."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import features

from plugins.codecs.checks import check_parameters
from suite.api import Card, Image, Setting
from suite.api.pixels import require_rgb
from suite.errors import CodecError

IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "transform": ("9-7", "5-3"),
    "colour": ("mct", "none"),
    "resolutions": (1, 2, 3, 4, 5, 6, 7, 8),
    "codeblock": (32, 64),
    "progression": ("LRCP",),
    "container": ("j2k", "jp2"),
}
RATIOS = (
    *(1000, 800, 600, 500, 400, 300, 250, 200, 150, 125, 100),
    *(75, 60, 50, 40, 30, 25, 20, 15, 12, 10, 8, 6, 5, 4, 3, 2),
)
LARGEST_SIDE = 65_535
LARGEST_AREA = 1 << 25

START, END = b"\xff\x4f", b"\xff\xd9"
SIZE, CODING, QUANTISATION, COMMENT = b"\xff\x51", b"\xff\x52", b"\xff\x5c", b"\xff\x64"
TILE, TILE_DATA = b"\xff\x90\x00\x0a", b"\xff\x93"
EIGHT_BIT_COMPONENT = b"\x07\x01\x01"
BLOCK_EXPONENTS = {32: 3, 64: 4}
BOXES = 85

BUILT_IN = re.compile(r"JPEG 2000: .*ver ([0-9.]+)")
"""Where OpenCV's description of itself names its OpenJPEG."""


@dataclass(frozen=True, kw_only=True)
class Jpeg2000:
    """JPEG 2000 with one tile and one quality layer, asked for by compression ratio.

    The setting ``quality_layer=N`` is Pillow's ``quality_layers=[N]``: about 24 / N bits a pixel, headers and
    OpenJPEG's own comment (39 bytes) counted, but never fewer than some 30 bytes beyond them, some 170 in all. Once
    everything is coded, a lower ratio takes no more bytes (9-7 with "mct": below 4 or so).
    ``transform``: "9-7" (irreversible) or "5-3" (reversible). ``colour``: "mct" (the standard's colour transform: the
    irreversible one for "9-7", else the reversible one) or "none" (R, G and B coded on their own).
    ``resolutions``: decompositions + 1. An image whose shorter side is below 2**(resolutions - 1) pixels gets as many
    as fit it, as OpenJPEG refuses more: 6 from 32 pixels on, 1 for a single row.
    ``codeblock``: side of the square code blocks. ``container``: "j2k", the codestream alone, or "jp2", which spends
    85 of the bytes that the ratio allows on its boxes.
    Marie et al. 2022 used Pillow's defaults: ``transform="5-3", colour="none", container="jp2"``.
    On 288 bitstreams (6 sizes from 1x1 to 500x375, all transforms, colours and containers, 6 ratios) bytes equalled
    those of opj_compress 2.5.4, with Pillow 13.0.0 on OpenJPEG 2.5.4; 2.5.0 writes another version into its comment
    and differs in nothing else (144 codestreams). Pixels equalled opj_decompress 2.5.0's for all, and 2.5.4's for all
    but two, in which a few of 562,500 values differ by 1 (9-7 in floats, another compiler).
    Pillow keeps the interpreter's lock all through OpenJPEG, so a run encodes in several processes. OpenCV does not,
    has Pillow's pixels (on all 175 bitstreams of 7 sizes, 5 variants and 5 ratios), and takes 0.8 of its time.
    Raises UsageError for a value that is not implemented.
    """

    transform: str = "9-7"
    colour: str = "mct"
    resolutions: int = 6
    codeblock: int = 64
    progression: str = "LRCP"
    container: str = "j2k"

    name: ClassVar[str] = "jpeg2000"
    version: ClassVar[str] = "1"
    holds_lock: ClassVar[tuple[str, ...]] = ("encode",)
    card: ClassVar[Card] = Card(
        summary="JPEG 2000 through Pillow, OpenCV and OpenJPEG.",
        authors="ITU-T, ISO/IEC JTC 1; the OpenJPEG, Pillow and OpenCV projects",
        licence="BSD-2-Clause AND MIT-CMU AND Apache-2.0",
        paper="ITU-T T.800 | ISO/IEC 15444-1",
        code="https://github.com/python-pillow/Pillow",
    )

    def __post_init__(self) -> None:
        check_parameters(self, IMPLEMENTED)

    @property
    def build(self) -> str:
        """The libraries that make the bits, and those that read them. Raises CodecError for an OpenCV without it."""
        reader = BUILT_IN.search(cv2.getBuildInformation())
        if reader is None:
            raise CodecError("This OpenCV does not read JPEG 2000 by OpenJPEG: install opencv-python-headless.")
        writer = f"Pillow {features.version_module('pil')}, OpenJPEG {features.version_codec('jpg_2000')}"
        return f"{writer}; OpenCV {cv2.__version__}, OpenJPEG {reader[1]}"

    def settings(self) -> Sequence[Setting]:
        """Return compression ratios, 1000 down to 2."""
        return tuple(Setting("quality_layer", ratio) for ratio in RATIOS)

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream. Raises CodecError for another setting, or for anything but uint8 RGB."""
        ratio = checked_ratio(setting)
        height, width, _ = require_rgb(image).shape
        check_size(height, width)
        buffer = io.BytesIO()
        try:
            PillowImage.fromarray(image).save(
                buffer,
                "JPEG2000",
                quality_mode="rates",
                quality_layers=[ratio],
                num_resolutions=min(self.resolutions, most_resolutions(height, width)),
                codeblock_size=(self.codeblock, self.codeblock),
                irreversible=self.transform == "9-7",
                mct=int(self.colour == "mct"),
                progression=self.progression,
                no_jp2=self.container == "j2k",
            )
        except (OSError, ValueError) as error:
            raise CodecError(f"Pillow cannot write {width}x{height} at {setting}: {error}") from error
        return buffer.getvalue()

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what this codec, in either container, does not write."""
        try:
            image = cv2.imdecode(np.frombuffer(in_boxes(data), np.uint8), cv2.IMREAD_COLOR_RGB)
        except cv2.error as error:
            raise CodecError(f"{len(data)} bytes do not decode as JPEG 2000: {error}") from error
        if image is None:
            raise CodecError(f"{len(data)} bytes do not decode as JPEG 2000.")
        return np.asarray(image)


def checked_ratio(setting: Setting) -> float:
    """Return the compression ratio asked for. Raises CodecError."""
    parameter, value = setting
    if parameter != "quality_layer" or type(value) not in (int, float) or value not in RATIOS:
        raise CodecError(f"Expected quality_layer to be one of {', '.join(map(str, RATIOS))}, but got {setting}.")
    return float(value)


def check_size(height: int, width: int) -> None:
    """Raise CodecError for no pixels, or more than OpenJPEG should be trusted with: it takes 20 to 60 bytes for each.

    Beyond 2**25 a decoder's memory is in gigabytes, whatever the bitstream holds.
    """
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE and height * width <= LARGEST_AREA):
        raise CodecError(
            f"JPEG 2000 takes 1 to {LARGEST_SIDE} pixels a side here and 2**25 in all, not {width}x{height}."
        )


def most_resolutions(height: int, width: int) -> int:
    """Return how many resolutions fit an image: the last is at least one pixel a side."""
    return min(height, width).bit_length()


def in_boxes(data: bytes) -> bytes:
    """Return a bitstream in the boxes that say its colour space: without, OpenCV assumes sRGB and prints a warning.

    Raises CodecError unless ``data`` is what `Jpeg2000.encode` writes around its packets, and complete: OpenJPEG
    decodes truncated codestreams to something, without a word.
    """
    bare = data.startswith(START)
    stream = data if bare else data[BOXES:]
    around = boxes(*check_codestream(stream), len(stream))
    if bare:
        return around + stream
    if data[:BOXES] != around:
        raise CodecError("The boxes around a JPEG 2000 codestream are not the ones that belong to it.")
    return data


def boxes(height: int, width: int, stream: int) -> bytes:
    """Return what a JP2 file has before its codestream of ``stream`` bytes: 8-bit sRGB, nothing optional."""
    header = struct.pack(">I4sIIHBBBB", 22, b"ihdr", height, width, 3, 7, 7, 0, 0)
    colour = struct.pack(">I4sBBBI", 15, b"colr", 1, 0, 0, 16)
    return b"".join(
        (
            struct.pack(">I4s4s", 12, b"jP  ", b"\r\n\x87\n"),
            struct.pack(">I4s4sI4s", 20, b"ftyp", b"jp2 ", 0, b"jp2 "),
            struct.pack(">I4s", 8 + len(header) + len(colour), b"jp2h"),
            header,
            colour,
            struct.pack(">I4s", 8 + stream, b"jp2c"),
        )
    )


def check_codestream(stream: bytes) -> tuple[int, int]:
    """Return height and width of a codestream of one tile that is all there. Raises CodecError."""
    if not (stream.startswith(START) and stream.endswith(END)):
        raise CodecError(f"{len(stream)} bytes are no complete JPEG 2000: they do not start and end as one.")
    size, position = segment(stream, len(START), SIZE)
    coding, position = segment(stream, position, CODING)
    _, position = segment(stream, position, QUANTISATION)
    _, position = segment(stream, position, COMMENT)
    height, width = announced_size(size)
    check_coding(coding, most_resolutions(height, width))
    length = len(stream) - len(END) - position
    tile = TILE + struct.pack(">HIBB", 0, max(length, 0), 0, 1) + TILE_DATA
    if stream[position : position + len(tile)] != tile:
        raise CodecError(f"At byte {position} of a JPEG 2000 codestream does not start one tile of {length} bytes.")
    return height, width


def segment(stream: bytes, position: int, marker: bytes) -> tuple[bytes, int]:
    """Return the payload of the segment at ``position``, and where the next one is. Raises CodecError for others."""
    length = int.from_bytes(stream[position + 2 : position + 4])
    end = position + 2 + length
    if stream[position : position + 2] != marker or length < 2 or end > len(stream):
        raise CodecError(f"At byte {position} of a JPEG 2000 codestream is no whole segment {marker.hex()}.")
    return stream[position + 4 : end], end


def announced_size(size: bytes) -> tuple[int, int]:
    """Return height and width. Raises CodecError unless they are in bounds, with one tile and 8 bits three times."""
    width, height = struct.unpack(">II", size[2:10].ljust(8, b"\0"))
    check_size(height, width)
    expected = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, width, height, 0, 0, 3) + 3 * EIGHT_BIT_COMPONENT
    if size != expected:
        raise CodecError("A JPEG 2000's size segment is not one of 8-bit colour in one tile.")
    return height, width


def check_coding(coding: bytes, most: int) -> None:
    """Raise CodecError for what `Jpeg2000` never states: layers, precincts, tiny code blocks, too many resolutions.

    With those, a few bytes make OpenJPEG allocate gigabytes or count for hours.
    """
    blocks = [bytes((exponent, exponent)) for exponent in BLOCK_EXPONENTS.values()]
    fixed = coding[:4] == b"\x00\x00\x00\x01" and coding[6:8] in blocks and coding[8:9] == b"\x00"
    if len(coding) != 10 or not fixed or coding[4] > 1 or coding[5] >= most or coding[9] > 1:
        raise CodecError(f"A JPEG 2000's coding parameters are not this codec's ({coding.hex()}).")
