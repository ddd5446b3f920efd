"""HEIC (HEVC in HEIF) through pillow-heif: libheif, x265 and libde265; nothing is registered with Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plugins.codecs.boxes import single_picture
from plugins.codecs.checks import check_parameters, check_size, checked_image, checked_number, optional_package
from suite.api import Card, Image, Setting
from suite.errors import CodecError

IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "chroma": ("4:2:0", "4:4:4"),
    "preset": ("slow", "ultrafast", "veryfast", "fast", "medium", "slower", "veryslow"),
    "tune": ("ssim", "psnr"),
    "matrix": ("bt601", "bt709"),
    "range": ("full", "limited"),
    "threads": (1,),
}
MATRICES = {"bt601": 6, "bt709": 1}
"""Numbers of ITU-T H.273, as are those of sRGB's primaries and transfer."""
SRGB_PRIMARIES, SRGB_TRANSFER = 1, 13
QUALITIES = range(101)
LARGEST_SIDE = 8192
"""What was tried; x265 itself refuses strips of one pixel from somewhere between 4096 and 4320 on."""
LARGEST_AREA = 1 << 25
PROPERTIES = {b"hvcC", b"colr", b"ispe", b"pixi"}
CROP = frozenset({b"clap"})
# pillow-heif looks for its first image (IndexError) even where a damaged file has none.
DAMAGED = (EOFError, IndexError, MemoryError, OSError, RuntimeError, SyntaxError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Heif:
    """Lossy HEIC of 8 bits, quality 0 to 100 of libheif: x265's rate factor 50 down to 0, not lossless even there.

    x265 codes whole blocks: libheif pads the image and stores the crop in the file, and those bytes count.
    ``preset``, ``tune``: x265's. ``matrix``, ``range``: of Y, Cb and Cr; written into the file.
    ``threads``: one frame thread and no pool, hence no wavefronts, which would change the bytes.
    Debian 12's heif-enc 1.15.1 (x265 3.5) writes other boxes, up to 64 bytes more or fewer, which `decode` refuses;
    with the same parameters PSNR was within 0.1 dB of its files (four sizes from 33x17 to 500x375). Pixels equal those
    of its heif-convert, but for steps of 1 where 4:2:0 is interpolated.
    Raises UsageError for a value that is not implemented, InvalidPlugin without the package.
    """

    chroma: str = "4:2:0"
    preset: str = "slow"
    tune: str = "ssim"
    matrix: str = "bt601"
    range: str = "full"
    threads: int = 1

    name: ClassVar[str] = "heif"
    version: ClassVar[str] = "1"
    card: ClassVar[Card] = Card(
        summary="HEIC through pillow-heif: libheif, x265 and libde265.",
        authors="ITU-T, ISO/IEC JTC 1; the libheif, x265, libde265 and pillow-heif projects",
        licence="BSD-3-Clause AND LGPL-3.0-or-later AND GPL-2.0-or-later",
        paper="ITU-T H.265 | ISO/IEC 23008-2; ISO/IEC 23008-12",
        code="https://github.com/bigcat88/pillow_heif",
    )

    def __post_init__(self) -> None:
        check_parameters(self, IMPLEMENTED)

    @property
    def build(self) -> str:
        """The libraries that make the bits. Raises InvalidPlugin without the package."""
        package = optional_package("pillow_heif")
        library = package.libheif_info()
        decoders = ", ".join(library["decoders"].values())
        return f"pillow-heif {package.__version__}, libheif {library['libheif']}, {library['HEIF']}, {decoders}"

    def settings(self) -> Sequence[Setting]:
        """Return quality 0 to 100."""
        return tuple(Setting("quality", quality) for quality in QUALITIES)

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the file, container included. Raises CodecError for another setting, or anything but uint8 RGB."""
        quality = checked_number(setting, "quality", QUALITIES)
        height, width, _ = checked_image(image, LARGEST_SIDE, LARGEST_AREA).shape
        buffer = io.BytesIO()
        try:
            optional_package("pillow_heif").encode(
                "RGB",
                (width, height),
                image.tobytes(),
                buffer,
                format="HEIF",
                quality=quality,
                enc_params=self.encoder_parameters(),
                save_nclx_profile=True,
                matrix_coefficients=MATRICES[self.matrix],
                color_primaries=SRGB_PRIMARIES,
                transfer_characteristic=SRGB_TRANSFER,
                full_range_flag=int(self.range == "full"),
                tile_size=0,
            )
        except DAMAGED as error:
            raise CodecError(f"libheif cannot write {width}x{height} at {setting}: {error}") from error
        return buffer.getvalue()

    def encoder_parameters(self) -> dict[str, str]:
        """Return what libheif is asked to tell x265."""
        return {
            "chroma": self.chroma.replace(":", ""),
            "preset": self.preset,
            "tune": self.tune,
            "x265:pools": "none",
            "x265:wpp": "0",
            "x265:frame-threads": str(self.threads),
        }

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what this codec does not write."""
        coded = single_picture(data, PROPERTIES, CROP)
        check_size(coded.width, coded.height, LARGEST_SIDE + 64, 2 * LARGEST_AREA)
        try:
            file = optional_package("pillow_heif").open_heif(data)
            width, height = file.size
            check_size(width, height, LARGEST_SIDE, LARGEST_AREA)
            mode, pixels = file.mode, bytes(file.data)
        except DAMAGED as error:
            raise CodecError(f"{len(data)} bytes do not decode as HEIC: {error}") from error
        if mode != "RGB" or file.size != (width, height) or len(pixels) != width * height * 3:
            raise CodecError(f"{len(data)} bytes of HEIC gave {mode} of {file.size}, not RGB of {width}x{height}.")
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
