"""JPEG as libjpeg-turbo writes it; byte for byte what ``cjpeg -quality q -baseline`` and Pillow write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import cv2
from PIL import Image as PillowImage
from PIL import features

from plugins.codecs.checks import check_parameters, checked_number
from plugins.codecs.pixels import rgb_of
from suite.api import Card, Image, Setting
from suite.api.pillow import UNREADABLE
from suite.api.pixels import require_rgb
from suite.errors import CodecError

IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "chroma": ("4:2:0", "4:2:2", "4:4:4"),
    "progressive": (False, True),
    "optimize": (False, True),
    "tables": ("annex-k-baseline",),
    "dct": ("islow",),
}
SAMPLING = {
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}
QUALITIES = range(1, 101)
LARGEST_SIDE = 65_500
LARGEST_AREA = 1 << 26

START, END, START_OF_SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
SCANS = re.compile(b"\xff\xda")
FRAME_HEADERS = {0xC0, 0xC2}
MOST_SCANS = 10
"""What libjpeg writes for a progressive image in colour; a few bytes are a scan that goes over the whole image."""
OWN_SEGMENTS = {0xE0, 0xDB, 0xC4, START_OF_SCAN} | FRAME_HEADERS


@dataclass(frozen=True, kw_only=True)
class Jpeg:
    """Lossy JPEG, quality 1 to 100, no metadata in the bitstream.

    ``tables``: the example tables of the standard's annex K, scaled by quality as the IJG does and clipped to 8 bits.
    ``optimize``: Huffman tables made for the image instead of the standard's (``progressive`` always makes its own).
    ``dct``: libjpeg's accurate integer transform, both ways; decoding interpolates chroma ("fancy upsampling").
    OpenCV writes, because Pillow keeps the interpreter's lock while it does. Pillow reads, without the lock: OpenCV's
    reader takes some truncated scans for images, and prints what is wrong with others.
    On 108 bitstreams (3 sizes from 1x1 to 160x128, 6 combinations of parameters, 6 qualities from 1 to 100) bytes
    equalled those of cjpeg 2.1.5 and pixels those of djpeg; on 2,352 (7 sizes to 500x375, photographs and noise, all 12
    combinations, 14 qualities) bytes equalled those of Pillow 13.0.0 (libjpeg-turbo 3.2.0), save for 18 of noise that
    Pillow's buffer is too small for. With OpenCV 5.0.0 on libjpeg-turbo 3.1.2.
    Raises UsageError for a value that is not implemented.
    """

    chroma: str = "4:2:0"
    progressive: bool = False
    optimize: bool = False
    tables: str = "annex-k-baseline"
    dct: str = "islow"

    name: ClassVar[str] = "jpeg"
    version: ClassVar[str] = "1"
    card: ClassVar[Card] = Card(
        summary="JPEG by libjpeg-turbo, through OpenCV and Pillow.",
        authors="ITU-T, ISO/IEC JTC 1; the libjpeg-turbo, OpenCV and Pillow projects",
        licence="IJG AND BSD-3-Clause AND Apache-2.0 AND MIT-CMU",
        paper="ITU-T T.81 | ISO/IEC 10918-1",
        code="https://github.com/libjpeg-turbo/libjpeg-turbo",
    )

    def __post_init__(self) -> None:
        check_parameters(self, IMPLEMENTED)

    @property
    def build(self) -> str:
        """The libraries that make the bits, and those that make the pixels."""
        turbo = features.version_feature("libjpeg_turbo")
        library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version_codec('jpg')}"
        return f"OpenCV {cv2.__version__}, {opencv_jpeg()}; Pillow {features.version_module('pil')}, {library}"

    def settings(self) -> Sequence[Setting]:
        """Return quality 1 to 100."""
        return tuple(Setting("quality", quality) for quality in QUALITIES)

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream. Raises CodecError for another setting, or for anything but uint8 RGB."""
        quality = checked_number(setting, "quality", QUALITIES)
        height, width, _ = require_rgb(image).shape
        if max(height, width) > LARGEST_SIDE or height * width > LARGEST_AREA:
            raise CodecError(f"JPEG takes up to {LARGEST_SIDE} pixels a side and 2**26 in all, not {width}x{height}.")
        try:
            written, stream = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), self._options(quality))
        except cv2.error as error:
            raise CodecError(f"OpenCV cannot write {width}x{height} at {setting}: {error}") from error
        if not written:
            raise CodecError(f"OpenCV cannot write {width}x{height} at {setting}.")
        return bytes(stream)

    def _options(self, quality: int) -> list[int]:
        """Return every option of OpenCV's writer, by number and value."""
        return [
            *(cv2.IMWRITE_JPEG_QUALITY, quality),
            *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLING[self.chroma]),
            *(cv2.IMWRITE_JPEG_PROGRESSIVE, int(self.progressive)),
            *(cv2.IMWRITE_JPEG_OPTIMIZE, int(self.optimize)),
        ]

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what this codec does not write."""
        height, width = announced_size(data)
        try:
            return rgb_of(PillowImage.frombytes("RGB", (width, height), data, "jpeg", "RGB", ""))
        except UNREADABLE as error:
            raise CodecError(f"{len(data)} bytes do not decode as JPEG: {error}") from error


@cache
def opencv_jpeg() -> str:
    """Return the JPEG library that OpenCV was built with."""
    found = re.search(r"^ *JPEG: *(.+)$", cv2.getBuildInformation(), re.MULTILINE)
    library = found[1] if found else "libjpeg of unknown version"
    turbo = re.search(r"libjpeg-turbo.*\(ver ([\d.]+)", library)
    return f"libjpeg-turbo {turbo[1]}" if turbo else library


def announced_size(data: bytes) -> tuple[int, int]:
    """Return height and width of a JPEG that has only segments that `Jpeg.encode` writes, and an end.

    Raises CodecError for any other, and for a size out of bounds: nothing else gets as far as Pillow.
    """
    if not (data.startswith(START) and data.endswith(END)):
        raise CodecError(f"{len(data)} bytes are no complete JPEG: they do not start and end as one.")
    listed = list(segments(data))
    sizes = [frame_size(payload) for marker, payload in listed if marker in FRAME_HEADERS]
    if len(sizes) != 1:
        raise CodecError(f"{len(data)} bytes hold {len(sizes)} JPEG frame headers; expected one.")
    ((height, width),) = sizes
    if not 0 < height * width <= LARGEST_AREA:
        raise CodecError(f"A JPEG header announces {height * width} pixels; expected 1 to {LARGEST_AREA}.")
    first_scan = len(START) + sum(4 + len(payload) for _, payload in listed)
    # Coded data hold no marker, and tables between scans no 255: what looks like one is one.
    if 1 + len(SCANS.findall(data, first_scan)) > MOST_SCANS:
        raise CodecError(f"{len(data)} bytes of JPEG hold more than the {MOST_SCANS} scans of a progressive one.")
    return height, width


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and payload of the segments before the first scan. Raises CodecError for those of others."""
    position, marker = len(START), 0
    while marker != START_OF_SCAN:
        prefix, length = data[position : position + 2], int.from_bytes(data[position + 2 : position + 4])
        end = position + 2 + length
        if len(prefix) < 2 or prefix[0] != 0xFF or prefix[1] not in OWN_SEGMENTS or length < 2 or end > len(data):
            raise CodecError(f"At byte {position} is no segment of a JPEG without metadata ({prefix.hex()}).")
        marker = prefix[1]
        yield marker, data[position + 4 : end]
        position = end


def frame_size(payload: bytes) -> tuple[int, int]:
    """Return height and width from a frame header. Raises CodecError unless it is 8-bit with three components."""
    if len(payload) < 6 or payload[0] != 8 or payload[5] != 3:
        raise CodecError("A JPEG's frame header is not one of 8-bit colour.")
    return int.from_bytes(payload[1:3]), int.from_bytes(payload[3:5])
