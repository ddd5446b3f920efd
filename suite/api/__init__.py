"""All that a plugin sees: the interfaces, the vocabulary, and the errors of `suite.errors`.

Needs numpy and the standard library only, so that any environment can host a plugin. What plugins on top of
Pillow or torch share sits in `suite.api.pillow` and `suite.api.torch`, which only they import.
"""

from suite.api.plugins import (
    Availability,
    Codec,
    Dataset,
    LayoutChoice,
    Model,
    Restoration,
    Retraining,
    Trainable,
    TrainingStep,
)
from suite.api.types import (
    Card,
    Classification,
    Frame,
    FrameInfo,
    Image,
    Prediction,
    Sample,
    Setting,
    Source,
    Task,
    Truth,
)
from suite.api.weights import PublishedWeights, WeightFile

__all__ = [
    "Availability",
    "Card",
    "Classification",
    "Codec",
    "Dataset",
    "Frame",
    "FrameInfo",
    "Image",
    "LayoutChoice",
    "Model",
    "Prediction",
    "PublishedWeights",
    "Restoration",
    "Retraining",
    "Sample",
    "Setting",
    "Source",
    "Task",
    "Trainable",
    "TrainingStep",
    "Truth",
    "WeightFile",
]
