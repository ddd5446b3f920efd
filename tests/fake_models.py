"""Models for the tests, named to the suite as ``tests/fake_models.py:Brightness``: one that works, and broken ones."""

import os
import time
from collections.abc import Sequence

import numpy as np

from suite.api import Classification, FrameInfo, Image, Task


class Brightness:
    """Says class 1 for images brighter than 100: anyone can compute its answers by hand."""

    name = "brightness"
    version = "1"
    task = Task.CLASSIFICATION
    classes = 2
    thread_safe = True

    def load(self, device: str) -> None:
        """Need nothing."""

    def geometry(self, image: Image) -> Image:
        return image[::2, ::2]

    def predict(self, images: Sequence[Image], frames: Sequence[FrameInfo]) -> Sequence[Classification]:
        return [Classification(np.array([100, image.mean()], np.float32)) for image in images]


class Slow(Brightness):
    """Takes a moment for each image, so that a run can be interrupted, and logs how many it was shown."""

    name = "slow"

    def predict(self, images, frames):
        time.sleep(0.005 * len(images))
        with open(os.environ["SLOW_LOG"], "a") as log:  # noqa: PTH123 - appends of one write do not interleave
            log.write(f"{len(images)}\n")
        return super().predict(images, frames)


class RaisesOnLoad(Brightness):
    name = "raises-on-load"

    def load(self, device):
        raise RuntimeError("no such kernel")


class Raises(Brightness):
    name = "raises"

    def predict(self, images, frames):
        raise ValueError("the sky\nis falling")


class RaisesOnDark(Brightness):
    """Fails for images it finds too dark: some conditions may go on."""

    name = "raises-on-dark"

    def predict(self, images, frames):
        if any(image.mean() < 40 for image in images):
            raise ValueError("too dark")
        return super().predict(images, frames)


class WrongCount(Brightness):
    name = "wrong-count"

    def predict(self, images, frames):
        return super().predict(images, frames)[:-1]


class WrongShape(Brightness):
    name = "wrong-shape"

    def predict(self, images, frames):
        return [Classification(np.zeros((2, 1), np.float32)) for _ in images]


class ClassOutOfRange(Brightness):
    name = "class-out-of-range"

    def predict(self, images, frames):
        return [Classification(np.array([0, 0, 1], np.float32)) for _ in images]


class NotANumber(Brightness):
    name = "not-a-number"

    def predict(self, images, frames):
        return [Classification(np.array([np.nan, 1], np.float32)) for _ in images]


class NotAPrediction(Brightness):
    name = "not-a-prediction"

    def predict(self, images, frames):
        return ["cat" for _ in images]


class BadGeometry(Brightness):
    name = "bad-geometry"

    def geometry(self, image):
        return image.astype(np.float32)


class OutOfMemoryError(Exception):
    """What torch calls it."""


class OutOfMemory(Brightness):
    """Has room for two images at once."""

    name = "out-of-memory"

    def predict(self, images, frames):
        if len(images) > 2:
            raise OutOfMemoryError("CUDA out of memory")
        return super().predict(images, frames)


class Learns(Brightness):
    """Has a training step: the loss is the share of its images whose truth is not 1; nothing is learnt."""

    name = "learns"

    def trainer(self):
        return lambda images, truths: float(np.mean([truth != 1 for truth in truths]))


class LearnsUnloaded(Learns):
    name = "learns-unloaded"

    def load(self, device):
        raise RuntimeError("no such kernel")


class LearnsFromTwo(Learns):
    name = "learns-from-two"

    def trainer(self):
        step = super().trainer()

        def careful(images, truths):
            if len(images) < 2:
                raise ValueError("Expected more than 1 value per channel when training")
            return step(images, truths)

        return careful


class Diverges(Learns):
    name = "diverges"

    def trainer(self):
        return lambda images, truths: float("nan")


class LearnsItself(Learns):
    """Trains itself instead of a copy."""

    name = "learns-itself"

    def __init__(self):
        self.threshold = 100.0

    def predict(self, images, frames):
        return [Classification(np.array([self.threshold, image.mean()], np.float32)) for image in images]

    def trainer(self):
        def step(images, truths):
            self.threshold += 0.5
            return 1.0

        return step


class RaisesInTraining(Learns):
    name = "raises-in-training"

    def trainer(self):
        raise RuntimeError("weights are frozen")


class ThousandClasses(Brightness):
    name = "thousand-classes"
    classes = 1000


class NoPredict:
    name = "no-predict"
    version = "1"
    task = Task.CLASSIFICATION
    classes = 2
    thread_safe = True

    def load(self, device):
        """Need nothing."""

    def geometry(self, image):
        return image


BROKEN = [Raises, WrongCount, WrongShape, ClassOutOfRange, NotANumber, NotAPrediction, BadGeometry, RaisesOnLoad]


class Darkness(Brightness):
    """Says class 1 for images darker than 100; sees them as `Brightness` does."""

    name = "darkness"

    def predict(self, images, frames):
        return [Classification(np.array([image.mean(), 100], np.float32)) for image in images]
