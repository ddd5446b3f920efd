"""Mitigations for the tests, named to the suite as ``tests/fake_mitigations.py:Invert``."""

import numpy as np

from suite.api import Classification
from tests.fake_models import Brightness


class Invert:
    """A restoration that turns dark into bright: the answers of `Brightness` can still be computed by hand."""

    name = "invert"
    version = "1"

    def load(self, device):
        """Need nothing."""

    def restore(self, frames):
        return [255 - frame.image for frame in frames]


class Shrinks(Invert):
    name = "shrinks"

    def restore(self, frames):
        return [frame.image[1:] for frame in frames]


class Forgets(Invert):
    name = "forgets"

    def restore(self, frames):
        return super().restore(frames)[1:]


class ReadsBitstreams(Invert):
    """Leaves images alone, and fails unless every compressed frame comes with its JPEG stream."""

    name = "reads-bitstreams"

    def restore(self, frames):
        if not all(frame.data[:2] in (b"", b"\xff\xd8") for frame in frames):
            raise ValueError("no JPEG")
        return [frame.image for frame in frames]


class Opposite:
    """A retraining: `Brightness` with its answers swapped."""

    name = "opposite"
    version = "1"

    def models(self):
        return ["brightness", "learns"]

    def adapt(self, model):
        class Swapped(Brightness):
            def predict(self, images, frames):
                return [Classification(np.ascontiguousarray(p.scores[::-1])) for p in model.predict(images, frames)]

        return Swapped()
