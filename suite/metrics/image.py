"""Metrics of frames: PSNR, SSIM and rate of one image, and their means over the images of a condition."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import log10
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from suite.api import Image
from suite.errors import CodecError, DataError, InvalidProtocol, nearest
from suite.spec import Measure

Plane: TypeAlias = NDArray[np.float32]

PEAK = 255
PSNR_CAP_DB = 100.0
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = np.float32((0.01 * PEAK) ** 2), np.float32((0.03 * PEAK) ** 2)

RATE_METRICS = ("bits_per_pixel", "bytes_per_image")
RATE_PERCENTILES = {"bits_per_pixel_p5": 5, "bits_per_pixel_p50": 50, "bits_per_pixel_p95": 95}
"""How the rate is spread over images: a metric's name and its percentile."""
FIDELITY_METRICS = ("psnr_db", "ssim")
FRAME_METRICS = (*RATE_METRICS, *RATE_PERCENTILES, *FIDELITY_METRICS)
"""Every metric that a protocol can name for frames; fidelity means nothing for originals."""

FRAMES_SCHEMA = pa.schema(
    [
        ("byte_count", pa.int64()),
        ("pixels", pa.int64()),
        ("psnr_db", pa.float64()),
        ("ssim", pa.float64()),
        ("setting", pa.string()),
    ]
)
"""The columns of `frames_table`; fidelity is null where it was not measured (originals get the cap and 1).

``setting`` is what the codec was asked for, such as ``quality=75``: under a target rate it may differ image by image.
"""


class FrameRow(NamedTuple):
    """What is measured of one frame: size of its bitstream, height x width, fidelity (None: not measured), setting."""

    byte_count: int
    pixels: int
    psnr_db: float | None = None
    ssim: float | None = None
    setting: str = "none=0"


def bits_per_pixel(byte_count: int, height: int, width: int) -> float:
    """Return the rate of a bitstream of ``byte_count`` bytes."""
    return 8 * byte_count / (height * width)


def psnr_db(original: Image, decoded: Image) -> float:
    """Return the peak signal-to-noise ratio over all RGB samples, peak 255, in dB.

    Capped at 100 dB, which identical images also get, so that means stay finite. Raises CodecError on other shapes.
    """
    _check_pair(original, decoded)
    cv2 = _opencv()
    squared_error = round(cv2.norm(original, decoded, cv2.NORM_L2SQR))
    if not squared_error:
        return PSNR_CAP_DB
    return min(PSNR_CAP_DB, 10 * log10(PEAK**2 * original.size / squared_error))


def ssim(original: Image, decoded: Image) -> float:
    """Return the structural similarity of Wang et al. (2004), the mean over R, G and B.

    11 x 11 Gaussian window of sigma 1.5, K1 0.01, K2 0.03, range 255, population covariance, only windows that lie
    within the image. An image of less than 11 in a side gets the largest odd window that fits, down to one pixel.
    Agrees with scikit-image within 5e-6 at a seventh of its time. Raises CodecError on other shapes.
    """
    _check_pair(original, decoded)
    cv2 = _opencv()
    pairs = list(zip(cv2.split(original), cv2.split(decoded), strict=True))
    if all(np.array_equal(pairs[0], pair) for pair in pairs[1:]):
        pairs = pairs[:1]  # grey: the three channels have one value
    return float(np.mean([_channel_ssim(*pair) for pair in pairs]))


def frames_table(rows: Sequence[FrameRow]) -> pa.Table:
    """Return the `FRAMES_SCHEMA` table of ``rows``, in their order."""
    columns = zip(*rows, strict=True) if rows else [()] * len(FRAMES_SCHEMA)
    return pa.table([list(column) for column in columns], schema=FRAMES_SCHEMA)


def reported(names: Sequence[str], *, reference: bool) -> tuple[str, ...]:
    """Return those of a protocol's frame metrics that a condition reports: no fidelity for the originals."""
    return tuple(name for name in names if not (reference and name in FIDELITY_METRICS))


def measures(table: pa.Table, names: Sequence[str]) -> tuple[Measure, ...]:
    """Return the named metrics of a frames table, each a mean over images: ``bits_per_pixel`` is one of ratios.

    `RATE_PERCENTILES` are those of the images' rates, interpolated linearly.
    Raises InvalidProtocol on unknown names, DataError where a frame lacks the metric.
    """
    return tuple(Measure(name=name, value=_value(table, name)) for name in names)


def _value(table: pa.Table, name: str) -> float:
    if name not in FRAME_METRICS:
        known = ", ".join(FRAME_METRICS)
        raise InvalidProtocol(f"No frame metric is named '{name}'. There are: {known}. {nearest(name, FRAME_METRICS)}")
    if name in RATE_PERCENTILES:
        return float(np.percentile(_per_image(table, "bits_per_pixel"), RATE_PERCENTILES[name]))
    return float(np.mean(_per_image(table, name)))


def _per_image(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a metric's value for each image, shape (n,); one array, so that blocks cannot change a mean's rounding."""
    if name == "bits_per_pixel":
        return 8 * _column(table, "byte_count") / _column(table, "pixels")
    return _column(table, "byte_count" if name == "bytes_per_image" else name)


def _column(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = table[name]
    if not len(column) or column.null_count:
        raise DataError(f"Expected {name} of every frame, but {column.null_count} of {len(column)} frames lack it.")
    return cast("NDArray[np.float64]", column.to_numpy().astype(np.float64))


def _channel_ssim(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> float:
    """Return the SSIM of one channel from its sum and difference, which take four filters where the textbook has five.

    With s = x + y and d = x - y, the luminance term is 1 - E[d]^2 / ((E[s]^2 + E[d]^2) / 2 + C1) and the structure
    term the same of variances.
    """
    cv2 = _opencv()
    total_mean, total_variance = _moments(cv2.add(x, y, dtype=cv2.CV_32F))
    difference_mean, difference_variance = _moments(cv2.subtract(x, y, dtype=cv2.CV_32F))
    similarity = _agreement(difference_mean**2, total_mean**2, SSIM_C1)
    similarity *= _agreement(difference_variance, total_variance, SSIM_C2)
    return float(similarity.mean(dtype=np.float64))


def _agreement(difference: Plane, total: Plane, constant: np.float32) -> Plane:
    return cast("Plane", 1 - difference / ((total + difference) / 2 + constant))


def _moments(plane: Plane) -> tuple[Plane, Plane]:
    """Return the mean and the variance in each window that lies within ``plane``, which is overwritten.

    Values are centred first: it leaves variances as they are and makes float32 exact enough for them.
    """
    window = _window(min(SSIM_WINDOW, *plane.shape))
    centre = np.float32(round(plane.mean(dtype=np.float64)))
    plane -= centre
    mean = _filtered(plane, window)
    variance = _filtered(plane * plane, window) - mean * mean
    return mean + centre, variance


def _filtered(plane: Plane, window: Plane) -> Plane:
    margin = len(window) // 2
    height, width = plane.shape
    full: Plane = _opencv().sepFilter2D(plane, -1, window, window)
    return full[margin : height - margin, margin : width - margin]


@cache
def _window(largest: int) -> Plane:
    """Return the weights of the largest odd window of at most ``largest``; they add up to 1."""
    radius = (largest - 1) // 2
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SSIM_SIGMA) ** 2)
    normalised: Plane = (weights / weights.sum()).astype(np.float32)
    return normalised


def _check_pair(original: Image, decoded: Image) -> None:
    wanted = f"{original.dtype} of shape {original.shape}"
    found = f"{decoded.dtype} of shape {decoded.shape}"
    if wanted != found:
        raise CodecError(f"Expected a decoded image like the original, {wanted}, but got {found}.")


@cache
def _opencv() -> Any:
    """Import OpenCV when it is first needed, on one thread: the suite's own workers keep the cores busy."""
    import cv2

    cv2.setNumThreads(1)
    return cv2
