"""Samples to frames: read the original once, then encode, decode and measure each of its compressed versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from suite.api import Codec, Dataset, Frame, FrameInfo, Image, Sample, Setting
from suite.errors import CodecError, DataError
from suite.metrics.image import PSNR_CAP_DB, FrameRow, psnr_db, ssim


class Original(NamedTuple):
    """A sample before any codec: its image, the size of its file in bytes, and what models may know of it."""

    image: Image
    byte_count: int
    info: FrameInfo


class Coded(NamedTuple):
    """A sample after the codec, and what the codec cost."""

    frame: Frame
    row: FrameRow


def read(dataset: Dataset, samples: Iterable[Sample]) -> list[Original]:
    """Decode the originals of ``samples``. Raises DataError, whatever the dataset itself raises."""
    return [read_one(dataset, sample) for sample in samples]


def read_one(dataset: Dataset, sample: Sample) -> Original:
    """Decode one original. Raises DataError."""
    try:
        source = dataset.read(sample)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{sample.id}: the dataset {dataset.name} raised {type(error).__name__}: {error}") from error
    return Original(source.image, source.byte_count, frame_info(source.image))


def frame_info(image: Image) -> FrameInfo:
    """Return what a model may know of an original."""
    height, width = image.shape[:2]
    return FrameInfo(width=width, height=height)


def as_original(original: Original, seen: Image) -> Coded:
    """Return a reference frame: ``seen`` as it is; the file's own bytes over the file's own pixels."""
    row = FrameRow(original.byte_count, original.info.width * original.info.height, PSNR_CAP_DB, 1.0)
    return Coded(Frame(seen, b"", original.info), row)


def code(seen: Image, info: FrameInfo, *, codec: Codec, setting: Setting) -> Coded:
    """Send one image through the codec and measure it. Raises CodecError."""
    data = codec.encode(seen, setting)
    decoded = codec.decode(data)
    if decoded.shape != seen.shape or decoded.dtype != np.uint8:
        raise CodecError(
            f"{codec.name} {setting}: expected a decoded image of shape {seen.shape}, uint8, "
            f"but got {decoded.shape}, {decoded.dtype}."
        )
    height, width = seen.shape[:2]
    row = FrameRow(len(data), height * width, psnr_db(seen, decoded), ssim(seen, decoded))
    return Coded(Frame(decoded, data, info), row)


def frames_of(coded: Sequence[Coded]) -> list[Frame]:
    """Return the frames without their measures."""
    return [item.frame for item in coded]
