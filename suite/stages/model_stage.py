"""Frames to predictions: restore, bring to the model's geometry, and run the network in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Semaphore

import numpy as np

from suite.api import Frame, FrameInfo, Image, Model, Prediction, Restoration
from suite.errors import PredictionError


def prepare_worker(threads: int, *, tf32: bool) -> None:
    """Fix the arithmetic of the thread that calls it: ``threads`` for each operator, and TF32 only where allowed.

    One thread an operator makes predictions independent of how many workers run, and on small batches several
    workers of one thread each are faster than one worker of several.
    """
    import torch

    from suite.api.torch import exact_float32

    torch.set_num_threads(threads)
    exact_float32(tf32=tf32)


class Predictor:
    """A loaded model as the pipeline uses it: its batch size, and how many threads may be inside it at once."""

    def __init__(self, model: Model, *, batch: int, permits: int, notice: Callable[[str], None]) -> None:
        self.model = model
        self.batch = batch
        self._permits = Semaphore(permits if model.thread_safe else 1)
        self._notice = notice

    def predict(self, images: Sequence[Image], infos: Sequence[FrameInfo]) -> list[Prediction]:
        """Return one prediction an image; ``images`` have been through the model's geometry.

        Out of memory halves the batch for good and says so; at a batch of one it is the caller's error.
        """
        predictions: list[Prediction] = []
        while len(predictions) < len(images):
            start, batch = len(predictions), self.batch
            part = slice(start, start + batch)
            try:
                with self._permits:
                    answer = list(self.model.predict(images[part], infos[part]))
            except Exception as error:
                if not out_of_memory(error) or batch == 1:
                    raise
                self._halve(batch)
                continue
            if len(answer) != len(images[part]):
                raise PredictionError(f"Expected {len(images[part])} predictions, but got {len(answer)}.")
            predictions += answer
        return predictions

    def _halve(self, batch: int) -> None:
        if self.batch == batch:  # else another thread has just done it
            self.batch = batch // 2
            self._notice(f"{self.model.name}: out of memory at batch {batch}; going on with {self.batch}.")


def out_of_memory(error: BaseException) -> bool:
    """Whether an accelerator ran out of memory (torch.OutOfMemoryError, by name: the model need not be torch's)."""
    return type(error).__name__ == "OutOfMemoryError"


def restored(restoration: Restoration, frames: Sequence[Frame]) -> list[Image]:
    """Return the images that models see. Raises PredictionError unless there is one image a frame, of its size."""
    images = list(restoration.restore(frames))
    if len(images) != len(frames):
        raise PredictionError(f"Expected {len(frames)} restored images, but got {len(images)}.")
    for image, frame in zip(images, frames, strict=True):
        check_image(image, expected=frame.image.shape, what="a restored image")
    return images


def fitted(model: Model, images: Sequence[Image]) -> list[Image]:
    """Bring images to the model's geometry. Raises PredictionError unless they come out as uint8 RGB."""
    out = [model.geometry(image) for image in images]
    for image in out:
        check_image(image, expected=(*np.shape(image)[:2], 3), what="an image after geometry")
    return out


def check_image(image: Image, *, expected: tuple[int, ...], what: str) -> None:
    """Raise PredictionError unless ``image`` is a uint8 array of the expected shape."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != expected:
        got = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise PredictionError(f"Expected {what} to be uint8 of shape {expected}, but got {got}.")
