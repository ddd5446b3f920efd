"""The vocabulary that plugins and the harness share: images, samples, settings, predictions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""RGB, shape (height, width, 3), values 0 to 255."""

Truth: TypeAlias = int
"""What is true of a sample. Classification: the index of its class."""


class Task(StrEnum):
    """What a model is asked to do; each task has its prediction type here and its metrics in `suite.metrics`."""

    CLASSIFICATION = "classification"


class Setting(NamedTuple):
    """One thing a codec can be asked for, such as ``Setting("quality", 75)``."""

    parameter: str
    value: int | float | str

    def __str__(self) -> str:
        return f"{self.parameter}={self.value}"


class Sample(NamedTuple):
    """One entry of a dataset: its name, the SHA-256 of its file's bytes (hexadecimal), and what is true of it."""

    id: str
    sha256: str
    truth: Truth


class Source(NamedTuple):
    """A sample's decoded original and the size of the file it came from."""

    image: Image
    byte_count: int


class FrameInfo(NamedTuple):
    """What a model may know of a frame besides its pixels: the original's size in pixels."""

    width: int
    height: int


class Frame(NamedTuple):
    """A decoded image as a restoration receives it; ``data`` is its bitstream, empty for an original."""

    image: Image
    data: bytes
    info: FrameInfo


class Classification(NamedTuple):
    """A classifier's answer for one image: one score a class, shape (classes,); the highest is the answer."""

    scores: NDArray[np.float32]


Prediction: TypeAlias = Classification
"""What `Model.predict` returns for an image; a union that grows with the tasks."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """Facts about a plugin that its users and the board want to see; none of them changes a number.

    Empty or None: nobody says.
    """

    summary: str
    authors: str = ""
    licence: str = ""
    paper: str = ""
    code: str = ""
    training_data: str = ""
    parameters: int | None = None
    """How many weights a network has."""
