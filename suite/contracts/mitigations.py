"""The contracts of the two families of mitigations."""

from __future__ import annotations

from functools import partial

import numpy as np

from suite.api import Restoration, Retraining
from suite.contracts.finding import Finding, examine, interface
from suite.contracts.specimens import SIZES, frames_of, photo, unlike_image


def check_restoration(restoration: Restoration, device: str = "cpu") -> list[Finding]:
    """Examine a restoration on ``device``."""
    return examine(
        restoration,
        gates={"interface": partial(interface, Restoration), "load": partial(restoration_loads, device=device)},
        questions={"images": restoration_images, "deterministic": restoration_repeats},
    )


def restoration_loads(restoration: Restoration, *, device: str) -> str:
    """Check that it loads."""
    restoration.load(device)
    return ""


def restoration_images(restoration: Restoration) -> str:
    """Check for one image a frame, of its size, and that the frames stay as they are."""
    images = [photo(height, width) for height, width in SIZES]
    before = [image.copy() for image in images]
    restored = list(restoration.restore(frames_of(images)))
    if len(restored) != len(images):
        return f"expected {len(images)} images, but got {len(restored)}"
    for image, out in zip(images, restored, strict=True):
        if wrong := unlike_image(out, image.shape):
            return wrong
    return "" if all(map(np.array_equal, images, before)) else "it changed the images that it was given"


def restoration_repeats(restoration: Restoration) -> str:
    """Check that the same frames give the same images."""
    frames = frames_of(photo(height, width) for height, width in SIZES)
    same = all(map(np.array_equal, restoration.restore(frames), restoration.restore(frames)))
    return "" if same else "two runs over the same frames differ"


def check_retraining(retraining: Retraining) -> list[Finding]:
    """Examine what can be seen of a retraining without the models that it is for."""
    return examine(retraining, gates={"interface": partial(interface, Retraining)}, questions={"models": adapted})


def adapted(retraining: Retraining) -> str:
    """Check that it names the models that it has weights for."""
    names = list(retraining.models())
    return "" if names and all(isinstance(name, str) for name in names) else "expected the names of its models"
