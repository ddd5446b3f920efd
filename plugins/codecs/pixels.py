"""Pillow's pixels as arrays, for most of the time without the interpreter's lock."""

from __future__ import annotations

import cv2
import numpy as np
import pyarrow
from PIL import Image as PillowImage

from suite.api import Image


def rgb_of(image: PillowImage.Image) -> Image:
    """Return a loaded RGB image as an array, shape (height, width, 3).

    Pillow lends its own pixels, of 4 bytes, where they lie in one block: up to some 4 megapixels.
    """
    try:
        lent = pyarrow.array(image).values.to_numpy()
    except ValueError:
        return np.asarray(image)
    return np.asarray(cv2.cvtColor(lent.reshape(image.height, image.width, 4), cv2.COLOR_RGBA2RGB))
