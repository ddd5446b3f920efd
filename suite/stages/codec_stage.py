"""Samples to frames: read the original once, then encode, decode and measure each of its compressed versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from suite.api import Codec, Dataset, Frame, FrameInfo, Image, Sample, Setting
from suite.digest import digest_of, digest_of_image
from suite.errors import CodecError, DataError
from suite.metrics.image import PSNR_CAP_DB, FrameRow, bits_per_pixel, psnr_db, ssim
from suite.stages.bitstreams import Key, Store
from suite.stages.rates import nearest


class Original(NamedTuple):
    """A sample before any codec: its image, the size of its file in bytes, and what models may know of it."""

    image: Image
    byte_count: int
    info: FrameInfo


@dataclass(frozen=True)
class Seen:
    """An original as a codec sees it: ``image`` is the whole of it, or what a geometry that comes first makes of it."""

    image: Image
    original: Original

    @cached_property
    def digest(self) -> str:
        """The digest of the pixels."""
        return digest_of_image(self.image)

    def rate(self, data: bytes) -> float:
        """Return the rate of a bitstream of this image, in bits per pixel."""
        return bits_per_pixel(len(data), *self.image.shape[:2])


@dataclass(frozen=True)
class Encoder:
    """A codec and where its bitstreams are kept, None: nowhere.

    ``identity`` stands for everything besides image and setting that decides the bits.
    """

    codec: Codec
    identity: str = ""
    store: Store | None = None

    def encode(self, seen: Seen, setting: Setting) -> bytes:
        """Return the bitstream of an image: the one that is kept, or else a new one. Raises CodecError."""
        if self.store is None:
            return self.codec.encode(seen.image, setting)
        key = Key(self.codec.name, digest_of("bitstream/1", [self.identity, seen.digest, *setting]))
        data = self.store.get(key)
        if data is None:
            data = self.codec.encode(seen.image, setting)
            self.store.put(key, data)
        return data


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


def as_original(seen: Seen) -> Coded:
    """Return a reference frame: the image as it is seen; the file's own bytes over the file's own pixels."""
    byte_count, info = seen.original.byte_count, seen.original.info
    row = FrameRow(byte_count, info.width * info.height, PSNR_CAP_DB, 1.0)
    return Coded(Frame(seen.image, b"", info), row)


def code(seen: Seen, *, encoder: Encoder, settings: Sequence[Setting], target: float = 0.0) -> Coded:
    """Send one image through the codec and measure it. Raises CodecError.

    Of several ``settings``, from the lowest rate on, it is the one that brings this image nearest to ``target`` bpp.
    """
    encoded = cache(lambda setting: encoder.encode(seen, setting))
    setting = settings[0] if len(settings) == 1 else nearest(settings, lambda s: seen.rate(encoded(s)), target)
    data = encoded(setting)
    decoded = encoder.codec.decode(data)
    if decoded.shape != seen.image.shape or decoded.dtype != np.uint8:
        raise CodecError(
            f"{encoder.codec.name} {setting}: expected a decoded image of shape {seen.image.shape}, uint8, "
            f"but got {decoded.shape}, {decoded.dtype}."
        )
    height, width = seen.image.shape[:2]
    row = FrameRow(len(data), height * width, psnr_db(seen.image, decoded), ssim(seen.image, decoded), str(setting))
    return Coded(Frame(decoded, data, seen.original.info), row)


def frames_of(coded: Sequence[Coded]) -> list[Frame]:
    """Return the frames without their measures."""
    return [item.frame for item in coded]
