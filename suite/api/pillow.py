"""What plugins on top of Pillow share: files and bitstreams to RGB arrays, with errors that say what is wrong."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from suite.api.types import Image
from suite.errors import CodecError, CorruptImage

EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
# Damaged metadata reaches Pillow's arithmetic: that is where the last four come from.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    PillowImage.DecompressionBombError,
    TypeError,
    OverflowError,
    ZeroDivisionError,
    struct.error,
)


def upright_rgb(data: bytes, name: str) -> Image:
    """Decode an image file to RGB, turned as its EXIF orientation says; transparency is dropped.

    Raises CorruptImage, naming ``name``, for what is truncated, no image, or of more than 8 bits.
    """
    try:
        with PillowImage.open(io.BytesIO(data)) as file:
            if file.mode not in EIGHT_BIT_MODES:
                raise CorruptImage(f"{name}: pixels of mode {file.mode}; expected 8 bits a channel. Convert it first.")
            return rgb_array(ImageOps.exif_transpose(file))
    except UNREADABLE as error:
        raise CorruptImage(f"{name}: not a readable image ({error}). Restore the file from its source.") from error


def decoded_rgb(data: bytes, formats: tuple[str, ...]) -> Image:
    """Decode a codec's bitstream, which must be of one of Pillow's ``formats``. Raises CodecError."""
    try:
        with PillowImage.open(io.BytesIO(data), formats=formats) as file:
            return rgb_array(file)
    except UNREADABLE as error:
        raise CodecError(f"{len(data)} bytes do not decode as {'/'.join(formats)}: {error}") from error


def rgb_array(image: PillowImage.Image) -> Image:
    """Return an image as RGB, shape (height, width, 3), uint8."""
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # to convert is to copy


def resized(image: Image, height: int, width: int, resample: PillowImage.Resampling) -> Image:
    """Resize with Pillow's antialiasing filters to (height, width, 3)."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(PillowImage.fromarray(image).resize((width, height), resample))
