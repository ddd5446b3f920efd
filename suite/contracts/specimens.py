"""What the checks show to plugins, all made here: photographs of awkward sizes, and damaged bitstreams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from suite.api import Frame, FrameInfo, Image

SIZES = ((1, 1), (1, 9), (9, 1), (8, 8), (17, 33), (64, 47))
MUTATIONS = 200


def photo(height: int, width: int, seed: int = 0) -> Image:
    """Return a read-only image with the statistics of a photograph: smooth shades, edges, fading fine detail."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    amplitude = 1 / (frequency + 1 / max(height, width)) ** 1.8
    noise = rng.standard_normal((4, *frequency.shape)) + 1j * rng.standard_normal((4, *frequency.shape))
    planes = np.fft.irfft2(noise * amplitude, s=(height, width))
    shades = planes[:1] + 0.3 * planes[1:] + 2 * planes.std() * (planes[:1] > planes.std())
    spread = np.ptp(shades) or 1.0
    image = np.rint(255 * (shades - shades.min()) / spread).astype(np.uint8).transpose(1, 2, 0)
    return locked(np.ascontiguousarray(image))


def locked(image: Image) -> Image:
    """Return ``image`` after forbidding to write to it: decoders give such arrays, and no plugin may change them."""
    image.setflags(write=False)
    return image


def frames_of(images: Iterable[Image]) -> list[Frame]:
    """Return images as frames of originals."""
    return [Frame(image, b"", FrameInfo(width=image.shape[1], height=image.shape[0])) for image in images]


def unlike_image(value: Any, shape: tuple[int, ...] | None = None) -> str:
    """Return how ``value`` is not a uint8 RGB image (of ``shape``), empty if it is."""
    if not isinstance(value, np.ndarray):
        return f"expected an array, but got {type(value).__name__}"
    wanted = shape or (*value.shape[:2], 3)
    if value.dtype != np.uint8 or value.shape != wanted or value.ndim != 3 or value.size == 0:
        return f"expected uint8 of shape {shape or '(height, width, 3)'}, but got {value.dtype} of {value.shape}"
    return ""


def mutations(stream: bytes) -> Iterable[bytes]:
    """Yield damaged versions of a bitstream, the same ones every time: cut short, altered, and pure noise."""
    rng = np.random.default_rng(2611)
    yield b""
    for number in range(1, MUTATIONS):
        if number % 4 == 0:
            yield rng.bytes(int(rng.integers(1, 200)))
        elif number % 4 == 1:
            yield stream[: rng.integers(0, len(stream))]
        else:
            altered = np.frombuffer(stream, np.uint8).copy()
            # Half of them in the header, where damage is more than noise in the image.
            end = len(altered) if number % 4 == 2 else min(len(altered), 64)
            altered[rng.integers(0, end, rng.integers(1, 9))] = rng.integers(0, 256)
            yield altered.tobytes()
