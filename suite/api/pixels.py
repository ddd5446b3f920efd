"""The check that every codec makes before it touches an array: is this an 8-bit RGB image."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.api.types import Image
from suite.errors import CodecError

EXPECTED = "Expected RGB of shape (height, width, 3), uint8, at least 1x1"


def require_rgb(image: Any) -> Image:
    """Return ``image`` if it is uint8 RGB of at least one pixel. Raises CodecError that says what came instead."""
    if not isinstance(image, np.ndarray):
        raise CodecError(f"{EXPECTED}, but got {type(image).__name__}.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise CodecError(f"{EXPECTED}, but got shape {image.shape}, {image.dtype}.")
    return image
