"""JPEG XL through libjxl, as pillow-jxl-plugin binds it; nothing is registered with Pillow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any, ClassVar

import numpy as np

from plugins.codecs.checks import INSTALL, check_parameters, check_size, checked_image
from suite.api import Card, Image, Setting
from suite.errors import CodecError, InvalidPlugin

IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "effort": tuple(range(1, 10)),
    "decoding_speed": tuple(range(5)),
    "lossless": (False,),
    "color": ("xyb",),
    "threads": (1,),
}
DISTANCES = (15.0, 10.0, 6.0, 4.0, 3.0, 2.0, 1.5, 1.0, 0.75, 0.5)
"""Far enough apart for more bytes at each step: at some efforts nearer ones are not always in order."""
LARGEST_SIDE = 65_535
LARGEST_AREA = 1 << 26
SIGNATURE = b"\xff\x0a"
SIZE_BITS = (9, 13, 18, 30)
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
DAMAGED = (MemoryError, OverflowError, RuntimeError, ValueError)
PACKAGE = "pillow-jxl-plugin"


@dataclass(frozen=True, kw_only=True)
class JpegXl:
    """Lossy JPEG XL of 8 bits, a bare codestream, at a butteraugli distance: 1 is about where losses start to show.

    The package takes libjxl's "quality" rather than a distance; it gets the one that libjxl turns into the distance
    asked for (`quality_for`; equal but for the rounding of a 32-bit float).
    ``effort``: 1 to 9. ``decoding_speed``: libjxl's tier, 0 to 4, of bytes given for quicker decoding.
    ``color``: XYB inside, sRGB outside. ``threads``: the caller's alone; the bytes are the same with more.
    Debian 12's cjxl 0.7.0 spends its bytes otherwise: at the same distance, from 10 down to 0.5, files of 160x128 and
    500x375 were between 5 % smaller and 20 % larger than its own, and PSNR from 0.5 dB below to 2.5 dB above; at 15,
    half as large again. Pixels of both decoders are within 1 of djxl's.
    Raises UsageError for a value that is not implemented, InvalidPlugin without the package.
    """

    effort: int = 7
    decoding_speed: int = 0
    lossless: bool = False
    color: str = "xyb"
    threads: int = 1

    name: ClassVar[str] = "jpegxl"
    version: ClassVar[str] = "1"
    tolerance: ClassVar[float] = 0.5
    card: ClassVar[Card] = Card(
        summary="JPEG XL through pillow-jxl-plugin and libjxl.",
        authors="ISO/IEC JTC 1; the libjxl project; Isotr0py",
        licence="BSD-3-Clause AND GPL-3.0-or-later",
        paper="ISO/IEC 18181-1",
        code="https://github.com/Isotr0py/pillow-jpegxl-plugin",
    )

    def __post_init__(self) -> None:
        check_parameters(self, IMPLEMENTED)

    @property
    def build(self) -> str:
        """The libraries that make the bits; libjxl's version is from the package's list of materials.

        Raises InvalidPlugin without the package.
        """
        binding()
        return f"{PACKAGE} {metadata.version(PACKAGE)}, libjxl {libjxl_version()}"

    def settings(self) -> Sequence[Setting]:
        """Return the distances 15 down to 0.5."""
        return tuple(Setting("distance", distance) for distance in DISTANCES)

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the codestream. Raises CodecError for another setting, or for anything but uint8 RGB."""
        quality = quality_for(checked_distance(setting))
        height, width, _ = checked_image(image, LARGEST_SIDE, LARGEST_AREA).shape
        encoder = binding().Encoder(
            mode="RGB",
            lossless=self.lossless,
            quality=quality,
            decoding_speed=self.decoding_speed,
            effort=self.effort,
            use_container=False,
            use_original_profile=False,
            num_threads=0,
        )
        try:
            return bytes(encoder(image.tobytes(), width, height, jpeg_encode=False))
        except DAMAGED as error:
            raise CodecError(f"libjxl cannot write {width}x{height} at {setting}: {error}") from error

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what this codec does not write."""
        width, height = announced_size(data)
        check_size(width, height, LARGEST_SIDE, LARGEST_AREA)
        try:
            _, info, pixels = binding().Decoder(num_threads=0)(data)[:3]
        except DAMAGED as error:
            raise CodecError(f"{len(data)} bytes do not decode as JPEG XL: {error}") from error
        if info.mode != "RGB" or len(pixels) != width * height * 3:
            raise CodecError(f"{len(data)} bytes of JPEG XL gave {info.mode}, not RGB of {width}x{height}.")
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def checked_distance(setting: Setting) -> float:
    """Return the distance asked for. Raises CodecError."""
    parameter, value = setting
    if parameter != "distance" or type(value) not in (int, float) or value not in DISTANCES:
        known = ", ".join(f"{distance:g}" for distance in DISTANCES)
        raise CodecError(f"Expected a distance of {known}, but got {setting}.")
    return float(value)


def quality_for(distance: float) -> float:
    """Return the quality that libjxl's JxlEncoderDistanceFromQuality turns into ``distance``."""
    if distance <= 6.4:
        return 100 - (distance - 0.1) / 0.09
    a, b, c = 53 / 3000, -23 / 20, 25 - distance
    return (-b - (b * b - 4 * a * c) ** 0.5) / (2 * a)


def announced_size(data: bytes) -> tuple[int, int]:
    """Return width and height in a codestream's header (18181-1, annex D), before anything is decoded.

    Raises CodecError unless default metadata follow: 8-bit XYB, sRGB, one frame, no preview, no other channels.
    """
    if not data.startswith(SIGNATURE) or len(data) < 16:
        raise CodecError(f"{len(data)} bytes do not start as a JPEG XL codestream.")
    bits = int.from_bytes(data[2:16], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    def side(*, small: int) -> int:
        return 8 * (take(5) + 1) if small else take(SIZE_BITS[take(2)]) + 1

    small = take(1)
    height, ratio = side(small=small), take(3)
    across, down = RATIOS[ratio - 1]
    width = height * across // down if ratio else side(small=small)
    if (take(1), take(1)) != (1, 1):
        raise CodecError("A JPEG XL header announces other than 8-bit sRGB in XYB, which this codec does not write.")
    return width, height


@cache
def binding() -> Any:
    """Return the package's compiled module. Raises InvalidPlugin.

    Importing the package itself would teach Pillow to open JPEG XL, in this process and for every other plugin.
    """
    package = find_spec("pillow_jxl")
    spec = package and PathFinder.find_spec("pillow_jxl.pillow_jxl", package.submodule_search_locations)
    if not (spec and spec.loader):
        raise InvalidPlugin(f"The package {PACKAGE} is not installed. Run: {INSTALL}")
    try:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError as error:
        raise InvalidPlugin(f"The package {PACKAGE} cannot be imported ({error}). Run: {INSTALL}") from error
    return module


@cache
def libjxl_version() -> str:
    """Return the version of libjxl inside the package, "unknown" where it does not say."""
    materials = metadata.distribution(PACKAGE).read_text(f"sboms/{PACKAGE}.cyclonedx.json")
    parts = json.loads(materials)["components"] if materials else []
    return next((part["version"] for part in parts if part["name"] == "jpegxl-src"), "unknown")
