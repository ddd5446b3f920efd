"""Plugins for the tests that keep their contracts and whose answers anyone can compute; models: see `fake_models`."""

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from suite.api import Frame, Image, Sample, Setting, Source, Task
from suite.api.pixels import require_rgb
from suite.errors import CodecError, CorruptImage


@dataclass(frozen=True)
class TopBits:
    """Keeps the highest ``bits`` of every value: a stream is 9 bytes longer than ``pixels * 3 * bits / 8``."""

    name = "top-bits"
    version = "1"
    build = "numpy"

    def settings(self) -> Sequence[Setting]:
        return [Setting("bits", bits) for bits in range(1, 9)]

    def encode(self, image: Image, setting: Setting) -> bytes:
        if setting not in self.settings():
            raise CodecError(f"Expected bits=1 to bits=8, but got {setting}.")
        height, width, _ = require_rgb(image).shape
        planes = np.unpackbits(image[..., None], axis=-1)[..., : setting.value]
        return struct.pack("<IIB", height, width, setting.value) + np.packbits(planes).tobytes()

    def decode(self, data: bytes) -> Image:
        if len(data) < 9:
            raise CodecError("too short")
        height, width, bits = struct.unpack_from("<IIB", data)
        count = height * width * 3 * bits
        if not 1 <= bits <= 8 or count == 0 or len(data) != 9 + -(-count // 8):
            raise CodecError("not a stream of top bits")
        planes = np.unpackbits(np.frombuffer(data, np.uint8, offset=9), count=count).reshape(height, width, 3, bits)
        return np.packbits(planes, axis=-1)[..., 0]


@dataclass(frozen=True)
class Greys:
    """Sample i is an 8x10 image of one grey, 10 * i; its truth is whether that is above 100. Its file: its pixels."""

    count: int = 20

    name = "greys"
    version = "1"
    task = Task.CLASSIFICATION
    classes = ("dark", "bright")

    def pixels(self, number: int) -> Image:
        return np.full((8, 10, 3), 10 * number, np.uint8)

    def samples(self) -> Sequence[Sample]:
        digests = [hashlib.sha256(self.pixels(i).tobytes()).hexdigest() for i in range(self.count)]
        return [Sample(f"grey-{i}", digest, int(10 * i > 100)) for i, digest in enumerate(digests)]

    def read(self, sample: Sample) -> Source:
        image = self.pixels(int(sample.id.removeprefix("grey-")))
        if hashlib.sha256(image.tobytes()).hexdigest() != sample.sha256:
            raise CorruptImage(f"{sample.id} was altered.")
        return Source(image, image.nbytes)


class Negative:
    """Restores every image to its negative."""

    name = "negative"
    version = "1"

    def load(self, device: str) -> None:
        """Need nothing."""

    def restore(self, frames: Sequence[Frame]) -> Sequence[Image]:
        return [255 - frame.image for frame in frames]


class Means:
    """A backbone: an image's features are its mean over 255, the negative of that, and a constant."""

    name = "means"
    version = "1"
    weights = ()

    def load(self, device: str) -> None:
        """Need nothing."""

    def geometry(self, image: Image) -> Image:
        return image

    def features(self, images: Sequence[Image]) -> np.ndarray:
        means = [image.mean() / 255 for image in images]
        return np.array([[mean, -mean, 7] for mean in means], np.float32)


@dataclass(frozen=True)
class LoggingBits(TopBits):
    """Top bits that append a line to the file `CODEC_LOG` for every image they encode."""

    name = "logging-bits"

    def encode(self, image: Image, setting: Setting) -> bytes:
        with Path(os.environ["CODEC_LOG"]).open("a") as log:
            log.write(f"{setting}\n")
        return super().encode(image, setting)
