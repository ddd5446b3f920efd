"""One HEVC intra frame as x265 writes it, through PyAV. It is no BPG: see `plugins.codecs.bpg` for that."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from plugins.codecs.checks import check_parameters, checked_number
from suite.api import Card, Image, Setting
from suite.api.pixels import require_rgb
from suite.errors import CodecError

QPS = range(52)
IMPLEMENTED: dict[str, tuple[str, ...]] = {
    "chroma": ("4:2:0", "4:4:4"),
    "preset": ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
    "colour": ("bt601-full", "bt601-limited", "bt709-full", "bt709-limited"),
}
PIXEL_FORMATS = {"4:2:0": "yuv420p", "4:4:4": "yuv444p"}
RED_AND_BLUE_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}

# One thread and nothing but the frame: neither x265's version and options as text (info), nor messages.
X265 = "ipratio=1.0:keyint=1:bframes=0:scenecut=0:rc-lookahead=0:pools=none:frame-threads=1:wpp=0:info=0:log-level=none"

HEADER = struct.Struct("<2sHHI")
MAGIC = b"H1"
LARGEST_SIDE = (1 << 16) - 8
LARGEST_AREA = 1 << 26
# x265 takes 16 pixels too, but then no side of more than some thousands. HEVC codes multiples of 8.
SMALLEST_CODED_SIDE = 32
CODED_MULTIPLE = 8
# What FFmpeg's decoder allocates beyond the frame counts against its limit.
MARGIN = 64

POINT = 16
"""Fixed-point fraction bits of the colour conversion."""


@dataclass(frozen=True, kw_only=True)
class HevcIntra:
    """HEVC Main (4:2:0) or Main 4:4:4, 8 bits, one intra frame at a constant QP, 0 to 51.

    The bitstream is a header of 10 bytes (magic, height, width, length of the rest) and an Annex B stream; the image is
    enlarged at its right and bottom edges, by repeating them, to multiples of 8 of at least 32, and cut back after
    decoding. Parameter sets take some 75 bytes, which BPG leaves out: do not compare small files with BPG's.

    ``colour``: matrix and range of YCbCr, converted here in integers (see `Conversion`); 4:2:0 averages 2x2 pixels and
    interpolates linearly between chroma samples that lie in the middle of four pixels. The stream does not signal it.
    ``preset``: x265's; everything else (psychovisual rate-distortion, SAO, deblocking) is as x265 sets it for that.
    Each of the conversion's many short steps waits for the interpreter's lock anew: two threads of one process decode
    0.6 times as much each as one alone, and 0.94 or more in processes of their own, so a run has it in several.
    Raises UsageError for a value that is not implemented.
    """

    chroma: str = "4:2:0"
    preset: str = "medium"
    colour: str = "bt601-full"

    name: ClassVar[str] = "hevc-intra"
    version: ClassVar[str] = "1"
    card: ClassVar[Card] = Card(
        summary="One HEVC intra frame by x265, through PyAV and FFmpeg.",
        authors="ITU-T, ISO/IEC JTC 1; MulticoreWare; the FFmpeg and PyAV projects",
        licence="GPL-2.0-or-later AND BSD-3-Clause",
        paper="ITU-T H.265 | ISO/IEC 23008-2",
        code="https://github.com/PyAV-Org/PyAV",
    )

    def __post_init__(self) -> None:
        check_parameters(self, IMPLEMENTED)

    @property
    def build(self) -> str:
        """The libraries that make the bits. Raises CodecError without PyAV."""
        av = pyav()
        libavcodec = ".".join(map(str, av.library_versions["libavcodec"]))
        return f"PyAV {av.__version__}, libavcodec {libavcodec}, x265 {x265_version()}"

    def settings(self) -> Sequence[Setting]:
        """Return QP 51 to 0."""
        return tuple(Setting("qp", qp) for qp in reversed(QPS))

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream. Raises CodecError for another setting, or for anything but uint8 RGB."""
        qp = checked_number(setting, "qp", QPS)
        height, width, _ = require_rgb(image).shape
        check_size(height, width)
        planes = Conversion.of(self.colour).planes(enlarged(image), halved=self.chroma == "4:2:0")
        stream = x265_stream(planes, PIXEL_FORMATS[self.chroma], self.preset, f"qp={qp}:{X265}")
        return HEADER.pack(MAGIC, height, width, len(stream)) + stream

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what this codec does not write."""
        height, width, stream = parted(data)
        coded = coded_side(height), coded_side(width)
        planes = decoded_planes(stream, *coded, PIXEL_FORMATS[self.chroma])
        image = Conversion.of(self.colour).rgb(planes)
        return np.ascontiguousarray(image[:height, :width])


def check_size(height: int, width: int) -> None:
    """Raise CodecError unless the codec takes images of that size."""
    if not (min(height, width) > 0 and max(height, width) <= LARGEST_SIDE and height * width <= LARGEST_AREA):
        raise CodecError(f"hevc-intra takes up to {LARGEST_SIDE} pixels a side and 2**26 in all, not {width}x{height}.")


def parted(data: bytes) -> tuple[int, int, bytes]:
    """Return height, width and HEVC stream of a bitstream. Raises CodecError."""
    if len(data) < HEADER.size:
        raise CodecError(f"{len(data)} bytes are no hevc-intra bitstream: the header alone has {HEADER.size}.")
    magic, height, width, length = HEADER.unpack_from(data)
    if magic != MAGIC or length != len(data) - HEADER.size:
        raise CodecError(f"{len(data)} bytes are no complete hevc-intra bitstream.")
    check_size(height, width)
    return height, width, data[HEADER.size :]


def coded_side(side: int) -> int:
    """Return how many pixels are coded for a side: a multiple of 8, at least 32."""
    return max(SMALLEST_CODED_SIDE, -(-side // CODED_MULTIPLE) * CODED_MULTIPLE)


def enlarged(image: Image) -> Image:
    """Repeat the right and bottom edges up to the size that is coded."""
    height, width, _ = image.shape
    return np.pad(image, ((0, coded_side(height) - height), (0, coded_side(width) - width), (0, 0)), mode="edge")


Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]
Whole = NDArray[np.int32]


class Conversion(NamedTuple):
    """RGB to 8-bit YCbCr and back in integers, rounded once (half up) and clipped: the same on every machine.

    Weights are multiples of 2**-16 and made so that grey stays without colour.
    """

    luma_offset: int
    luma: tuple[int, int, int]
    """Of R, G and B in Y."""
    cb: tuple[int, int, int]
    cr: tuple[int, int, int]
    gain: int
    """Of Y in R, G and B."""
    cr_in_red: int
    cb_in_green: int
    cr_in_green: int
    cb_in_blue: int

    @classmethod
    @cache
    def of(cls, colour: str) -> Conversion:
        """Return the conversion of a name such as ``"bt601-full"``."""
        matrix, span = colour.split("-")
        red, blue = RED_AND_BLUE_WEIGHTS[matrix]
        green = 1 - red - blue
        luma_span, chroma_span = (1.0, 1.0) if span == "full" else (219 / 255, 224 / 255)
        y_red, y_blue = fixed(luma_span * red), fixed(luma_span * blue)
        cb_red, cb_blue = fixed(chroma_span * -red / (2 - 2 * blue)), fixed(chroma_span / 2)
        cr_red, cr_blue = fixed(chroma_span / 2), fixed(chroma_span * -blue / (2 - 2 * red))
        return cls(
            luma_offset=0 if span == "full" else 16,
            luma=(y_red, fixed(luma_span) - y_red - y_blue, y_blue),
            cb=(cb_red, -cb_red - cb_blue, cb_blue),
            cr=(cr_red, -cr_red - cr_blue, cr_blue),
            gain=fixed(1 / luma_span),
            cr_in_red=fixed((2 - 2 * red) / chroma_span),
            cb_in_green=fixed(-(2 - 2 * blue) * blue / green / chroma_span),
            cr_in_green=fixed(-(2 - 2 * red) * red / green / chroma_span),
            cb_in_blue=fixed((2 - 2 * blue) / chroma_span),
        )

    def planes(self, image: Image, *, halved: bool) -> Planes:
        """Return Y, Cb and Cr; ``halved``: of the means of 2x2 pixels, for chroma."""
        full = image.astype(np.int32)
        chroma, extra = full, 0
        if halved:
            chroma, extra = full[0::2, 0::2] + full[0::2, 1::2] + full[1::2, 0::2] + full[1::2, 1::2], 2
        return (
            rounded(mixed(full, self.luma) + (self.luma_offset << POINT), POINT),
            rounded(mixed(chroma, self.cb) + (128 << POINT + extra), POINT + extra),
            rounded(mixed(chroma, self.cr) + (128 << POINT + extra), POINT + extra),
        )

    def rgb(self, planes: Planes) -> Image:
        """Return the image; chroma of half the size is interpolated, in sixteenths, before anything is rounded.

        In few steps over whole planes, because threads that take many short ones wait for the interpreter's lock.
        """
        cb, cr = sixteenths(planes[1:], planes[0].shape)
        luma = np.multiply(planes[0], np.int32(self.gain * 16), dtype=np.int32)
        luma += (1 << POINT + 3) - self.luma_offset * self.gain * 16  # a half, so that shifting rounds
        channels = np.empty((3, *luma.shape), np.int32)
        np.multiply(cr, np.int32(self.cr_in_red), out=channels[0])
        np.multiply(cb, np.int32(self.cb_in_green), out=channels[1])
        channels[1] += np.multiply(cr, np.int32(self.cr_in_green), dtype=np.int32)
        np.multiply(cb, np.int32(self.cb_in_blue), out=channels[2])
        channels += luma
        channels >>= POINT + 4
        # OpenCV clips what it adds up.
        clipped = cv2.add(channels.reshape(-1, channels.shape[2]), 0, dtype=cv2.CV_8U)
        return np.asarray(cv2.merge(list(clipped.reshape(channels.shape))))


def fixed(weight: float) -> int:
    """Return a weight as a multiple of 2**-16."""
    return round(weight * (1 << POINT))


def mixed(image: Whole, weights: tuple[int, int, int]) -> Whole:
    """Return the weighted sum of an image's channels."""
    return weights[0] * image[..., 0] + weights[1] * image[..., 1] + weights[2] * image[..., 2]


def rounded(values: Whole, bits: int) -> NDArray[np.uint8]:
    """Drop fraction bits, half up, and clip to 8 bits."""
    return np.clip((values + (1 << bits - 1)) >> bits, 0, 255).astype(np.uint8)


def sixteenths(chroma: Sequence[Plane], shape: tuple[int, ...]) -> list[NDArray[np.int16]]:
    """Return 16 times two chroma planes, less their 128; those of half the size become as large as ``shape``.

    Each row and column is 3 parts its own and 1 part its nearest neighbour, which OpenCV's floats compute exactly.
    """
    pair = cv2.merge(list(chroma)).astype(np.int16)
    pair -= 128
    pair <<= 4
    return list(cv2.split(cv2.resize(pair, shape[::-1], interpolation=cv2.INTER_LINEAR)))


def pyav() -> ModuleType:
    """Return the optional package ``av``. Raises CodecError where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise CodecError("hevc-intra needs PyAV. Run: pip install 'compression-suite[codecs]'") from error
    module: ModuleType = av
    return module


@cache
def x265_version() -> str:
    """Return the version that x265 writes into a stream when asked to; no interface of FFmpeg tells it."""
    grey = np.full((SMALLEST_CODED_SIDE, SMALLEST_CODED_SIDE), 128, np.uint8)
    stream = x265_stream((grey, grey, grey), "yuv444p", "ultrafast", f"qp=51:{X265}".replace("info=0", "info=1"))
    found = re.search(rb"x265 \(build \d+\) - ([\w.+-]+)", stream)
    return found[1].decode() if found else "of unknown version"


def x265_stream(planes: Planes, pixel_format: str, preset: str, parameters: str) -> bytes:
    """Return the Annex B stream of one frame. Raises CodecError."""
    av = pyav()
    height, width = planes[0].shape
    try:
        encoder = av.CodecContext.create("libx265", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, pixel_format
        encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
        encoder.options = {"preset": preset, "x265-params": parameters}
        packets = [*encoder.encode(frame_of(av, planes, pixel_format)), *encoder.encode(None)]
    except (av.FFmpegError, ValueError) as error:
        raise CodecError(f"x265 cannot write {width}x{height} in {pixel_format}: {error}") from error
    return b"".join(map(bytes, packets))


def frame_of(av: ModuleType, planes: Planes, pixel_format: str) -> Any:
    """Return planes as PyAV's frame."""
    height, width = planes[0].shape
    stacked = np.concatenate([plane.reshape(-1) for plane in planes])
    shape = (3, height, width) if pixel_format == "yuv444p" else (height * 3 // 2, width)
    return av.VideoFrame.from_ndarray(stacked.reshape(shape), format=pixel_format)


def decoded_planes(stream: bytes, height: int, width: int, pixel_format: str) -> Planes:
    """Return the planes of the only frame in a stream, which must have that size and format. Raises CodecError."""
    av = pyav()
    try:
        decoder = av.CodecContext.create("hevc", "r")
        decoder.thread_count = 1
        decoder.options = {"max_pixels": str((height + MARGIN) * (width + MARGIN)), "err_detect": "explode"}
        frames = [*decoder.decode(av.Packet(stream)), *decoder.decode(None)]
        kinds = [(frame.format.name, frame.height, frame.width) for frame in frames]
        if kinds != [(pixel_format, height, width)]:
            raise CodecError(f"Expected one frame {(pixel_format, height, width)}, but got {kinds[:2]}.")
        values = frames[0].to_ndarray().reshape(-1)
    except (av.FFmpegError, ValueError) as error:
        raise CodecError(f"{len(stream)} bytes do not decode as HEVC: {error}") from error
    side = 1 if pixel_format == "yuv444p" else 2
    area, chroma = height * width, (height // side, width // side)
    cb, cr = values[area:].reshape(2, *chroma)
    return values[:area].reshape(height, width), cb, cr
