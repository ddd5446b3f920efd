"""The contract of a model."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.api import Classification, FrameInfo, Image, LayoutChoice, Model
from suite.contracts.finding import Finding, examine, interface
from suite.contracts.specimens import frames_of, locked, photo, unlike_image
from suite.stages.model_stage import prepare_worker

NATURAL_SIZES = ((240, 321), (97, 64), (33, 190), (1, 1), (64, 64), (300, 300), (129, 130), (50, 7))
THREADS = 4
SCORE_TOLERANCE = 1e-3
"""How far scores may move with batch, position and layout, relative to the largest score: float32 sums reorder."""


def check_model(model: Model, device: str = "cpu") -> list[Finding]:
    """Examine a model on ``device``."""
    return examine(
        model,
        gates={
            "interface": partial(interface, Model),
            "load": partial(model_loads, device=device),
            "geometry": model_geometry,
            "predictions": model_predictions,
        },
        questions={"deterministic": model_repeats, "batch": model_batches, "threads": model_threads}
        | ({"layouts": model_layouts} if isinstance(model, LayoutChoice) else {}),
    )


def model_loads(model: Model, *, device: str) -> str:
    """Check that it loads, with the arithmetic that a run gives it: exact float32, one thread an operator."""
    prepare_worker(1, tf32=False)
    model.load(device)
    return ""


def model_geometry(model: Model) -> str:
    """Check that RGB of any size comes out as RGB, the same every time."""
    for height, width in NATURAL_SIZES:
        image = photo(height, width)
        out = model.geometry(image)
        if wrong := unlike_image(out):
            return f"{width}x{height}: {wrong}"
        if not np.array_equal(out, model.geometry(image)):
            return f"{width}x{height}: two runs differ"
    return ""


def batch_for(model: Model, size: int) -> tuple[list[Image], list[FrameInfo]]:
    """Return images that went through the geometry, with what the model may know of them."""
    frames = frames_of(photo(*NATURAL_SIZES[number % len(NATURAL_SIZES)], seed=number) for number in range(size))
    return [locked(model.geometry(frame.image)) for frame in frames], [frame.info for frame in frames]


def model_predictions(model: Model) -> str:
    """Check for one finite float32 score a class, for each image of any batch."""
    for size in (1, 3, 8):
        answer = list(model.predict(*batch_for(model, size)))
        if len(answer) != size:
            return f"expected {size} predictions, but got {len(answer)}"
        for prediction in answer:
            if wrong := unlike_scores(prediction, model.classes):
                return wrong
    return ""


def unlike_scores(prediction: Any, classes: int) -> str:
    """Return how a prediction is not a classification, empty if it is."""
    if not isinstance(prediction, Classification) or not isinstance(prediction.scores, np.ndarray):
        return f"expected suite.api.Classification with an array, but got {type(prediction).__name__}"
    scores = prediction.scores
    if scores.shape != (classes,) or scores.dtype != np.float32:
        return f"expected float32 scores of shape ({classes},), but got {scores.dtype} of {scores.shape}"
    return "" if np.isfinite(scores).all() else "expected finite scores"


def scores_of(model: Model, images: Sequence[Image], infos: Sequence[FrameInfo]) -> NDArray[np.float32]:
    """Return scores of a batch, shape (images, classes)."""
    return np.stack([prediction.scores for prediction in model.predict(images, infos)])


def apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> str:
    """Return how far scores lie apart, empty when within the tolerance."""
    largest, distance = float(np.abs(one).max()), float(np.abs(one - other).max())
    within = distance <= SCORE_TOLERANCE * max(largest, 1e-6)
    return "" if within else f"scores up to {largest:.4g} moved by {distance:.4g}"


def model_repeats(model: Model) -> str:
    """Check that the same batch has the same scores, to the last bit."""
    batch = batch_for(model, 3)
    return "" if np.array_equal(scores_of(model, *batch), scores_of(model, *batch)) else "two runs of one batch differ"


def model_batches(model: Model) -> str:
    """Check that an image's scores do not depend on what it is batched with, nor where."""
    images, infos = batch_for(model, 8)
    together = scores_of(model, images, infos)
    backwards = scores_of(model, images[::-1], infos[::-1])[::-1]
    alone = np.concatenate([scores_of(model, [image], [info]) for image, info in zip(images, infos, strict=True)])
    return apart(together, backwards) or apart(together, alone)


def model_threads(model: Model) -> str:
    """Check that a thread-safe model gives the same in several threads at once."""
    if not model.thread_safe:
        return ""
    batches = [batch_for(model, size) for size in (1, 2, 3)]
    alone = [scores_of(model, *batch) for batch in batches]
    with ThreadPoolExecutor(THREADS, initializer=partial(prepare_worker, 1, tf32=False)) as pool:
        together = list(pool.map(lambda number: scores_of(model, *batches[number % 3]), range(3 * THREADS)))
    moved = (apart(alone[number % 3], scores) for number, scores in enumerate(together))
    return next((f"{THREADS} threads at once: {wrong}" for wrong in moved if wrong), "")


def model_layouts(model: Any) -> str:
    """Check that a memory layout changes speed, not scores."""
    batch, scores = batch_for(model, 3), []
    for layout in model.layouts:
        model.use_layout(layout)
        scores.append(scores_of(model, *batch))
    moved = (apart(scores[0], other) for other in scores[1:])
    return next((f"between layouts {wrong}" for wrong in moved if wrong), "")
