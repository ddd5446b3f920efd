# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2"]
# [tool.suite]
# kind = "model"
# object = "Brightness"
# name = "brightness-threshold"
# version = "1"
# task = "classification"
# authors = "The compression-suite contributors"
# licence = "Apache-2.0"
# training-data = "pv-cells, training split: the one threshold"
# ///
import numpy as np
from suite.api import Classification, Task


class Brightness:
    """Calls a solar cell defective whose mean brightness is below 143 of 255."""

    name, version, task, classes, thread_safe = "brightness-threshold", "1", Task.CLASSIFICATION, 2, True

    def load(self, device): ...
    def geometry(self, image):
        return image

    def predict(self, images, frames):
        darkness = [np.float32(143 / 255 - image.mean() / 255) for image in images]
        return [Classification(np.array([-each, each])) for each in darkness]
