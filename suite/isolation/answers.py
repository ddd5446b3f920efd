"""What a worker process does when it is asked: one plugin of any kind, its pixels in the shared memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from suite.api import Frame, FrameInfo, Setting
from suite.api.pixels import require_rgb
from suite.errors import CodecError, InvalidPlugin, PluginError, PredictionError
from suite.isolation.memory import Memory
from suite.isolation.memory import Scores as Table
from suite.isolation.wire import (
    MOST_SETTINGS,
    MOST_TEXT,
    Answer,
    Decode,
    Describe,
    Described,
    Encode,
    Geometry,
    Load,
    Made,
    Make,
    Message,
    Picture,
    Pictures,
    Predict,
    Raised,
    Ready,
    Restore,
    Scores,
    Stream,
)
from suite.origin import Origin

MODEL_FIELDS, FRAME_FIELDS = 4, 5
"""How many numbers `wire.Predict` and `wire.Restore` have of each image."""


class Answers:
    """Answers the requests for one plugin."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._plugin: Any = None

    def to(self, request: Message) -> Answer:
        """Return the answer to a request: what was asked for, or what was raised instead."""
        try:
            return self._answer(request)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the host says so
            return raised(error)

    def _answer(self, request: Message) -> Answer:
        match request:
            case Make():
                return self._make(request)
            case Load():
                return self._load(request)
            case Encode() | Decode() | Describe():
                return self._coded(request)
            case Geometry(height, width):
                image = self._made.geometry(self._memory.shown_image(height, width))
                return self._pictured(require_rgb(image))
            case Predict(sizes):
                return self._predicted(grouped(sizes, MODEL_FIELDS))
            case Restore(sizes):
                return self._restored(grouped(sizes, FRAME_FIELDS))
            case _:
                raise TypeError(f"{type(request).__name__} is no request.")

    @property
    def _made(self) -> Any:
        if self._plugin is None:
            raise PluginError("The host has not said which plugin to make.")
        return self._plugin

    def _make(self, request: Make) -> Made:
        origin = Origin(request.kind, request.target, tuple(request.member), request.parameters)
        self._plugin = plugin = origin.resolved()[0]()
        task, classes = getattr(plugin, "task", ""), getattr(plugin, "classes", 0)
        return Made(str(plugin.name), str(plugin.version), str(task), int(classes))

    def _load(self, request: Load) -> Ready:
        self._made.load(request.device)
        if torch := sys.modules.get("torch"):
            from suite.api.torch import exact_float32

            torch.set_num_threads(request.threads)
            exact_float32(tf32=request.tf32)
        return Ready()

    def _coded(self, request: Encode | Decode | Describe) -> Answer:
        match request:
            case Encode():
                return self._encoded(request)
            case Decode(byte_count):
                return self._pictured(require_rgb(self._made.decode(self._memory.read(byte_count))))
            case Describe():
                return described(self._made)

    def _encoded(self, request: Encode) -> Stream:
        image = self._memory.shown_image(request.height, request.width)
        stream = self._made.encode(image, Setting(request.parameter, request.value))
        if not isinstance(stream, bytes):
            raise CodecError(f"Expected encode to give bytes, but got {type(stream).__name__}.")
        self._memory.write(stream)
        return Stream(len(stream))

    def _pictured(self, image: Any) -> Picture:
        self._memory.write_image(image)
        return Picture(*image.shape[:2])

    def _predicted(self, sizes: Sequence[Sequence[int]]) -> Scores:
        images = self._memory.shown_images([(height, width) for height, width, *_ in sizes])
        infos = [FrameInfo(width=width, height=height) for *_, width, height in sizes]
        scores = table_of(list(self._made.predict(images, infos)), int(self._made.classes))
        self._memory.write_scores(scores)
        return Scores(*scores.shape)

    def _restored(self, sizes: Sequence[Sequence[int]]) -> Pictures:
        images = [image.copy() for image in self._memory.shown_images([(size[0], size[1]) for size in sizes])]
        at, frames = sum(image.nbytes for image in images), []
        everything = self._memory.read(at + sum(size[2] for size in sizes))
        for image, (_, _, byte_count, width, height) in zip(images, sizes, strict=True):
            frames.append(Frame(image, everything[at : at + byte_count], FrameInfo(width=width, height=height)))
            at += byte_count
        restored = [require_rgb(image) for image in self._made.restore(frames)]
        self._memory.write_images(restored)
        return Pictures([side for image in restored for side in image.shape[:2]])


def described(codec: Any) -> Described:
    """Return what a codec says of itself. Raises InvalidPlugin for settings that are none, or of several parameters."""
    settings = [Setting(*setting) for setting in codec.settings()]
    parameters = {setting.parameter for setting in settings}
    if not 1 <= len(settings) <= MOST_SETTINGS or len(parameters) != 1:
        raise InvalidPlugin(
            f"Expected 1 to {MOST_SETTINGS} settings of one parameter, but got {len(settings)} of {len(parameters)}."
        )
    return Described(str(settings[0].parameter), [setting.value for setting in settings], str(codec.build))


def grouped(numbers: Sequence[int], count: int) -> list[Sequence[int]]:
    """Return numbers in groups of ``count``."""
    return [numbers[start : start + count] for start in range(0, len(numbers), count)]


def table_of(predictions: Sequence[Any], classes: int) -> Table:
    """Return classifications as a table, shape (count, classes). Raises PredictionError for anything else."""
    for prediction in predictions:
        scores = getattr(prediction, "scores", None)
        if not isinstance(scores, np.ndarray) or scores.dtype != np.float32 or scores.shape != (classes,):
            got = f"{scores.dtype} of shape {scores.shape}" if isinstance(scores, np.ndarray) else type(prediction)
            raise PredictionError(f"Expected each prediction's scores to be float32 of shape ({classes},), not {got}.")
    return np.stack([prediction.scores for prediction in predictions] or [np.empty((0, classes), np.float32)])


def raised(error: Exception) -> Raised:
    """Return an exception as a message."""
    return Raised(isinstance(error, CodecError), type(error).__name__[:MOST_TEXT], str(error)[:MOST_TEXT])
