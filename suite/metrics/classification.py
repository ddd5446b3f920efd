"""Classification: top-1 and balanced accuracy, over one row of outcomes a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from suite.api import Classification, Prediction, Truth
from suite.errors import DataError, InvalidProtocol, PredictionError, nearest
from suite.metrics.stats import stratified_wilson, wilson
from suite.spec import Measure

SCHEMA = pa.schema([("truth", pa.int32()), ("predicted", pa.int32()), ("score", pa.float32()), ("correct", pa.bool_())])
"""The columns of `outcomes`; ``score`` is the one that the predicted class got."""


def top1(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the fraction of samples whose predicted class, shape (n,), is the true one."""
    predicted, truth = _paired(predicted, truth)
    return float(np.mean(predicted == truth))


def balanced_accuracy(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the mean recall over the classes that occur in ``truth``, each weighing the same; shapes (n,)."""
    predicted, truth = _paired(predicted, truth)
    hits, count = _by_class(predicted, truth)
    return float(np.mean(hits / count))


def check(predictions: Sequence[Prediction], *, expected: int, classes: int) -> None:
    """Raise PredictionError unless there are ``expected`` classifications of ``classes`` finite float32 scores."""
    if not isinstance(predictions, Sequence):
        raise PredictionError(f"Expected a sequence of predictions, but got {_type(predictions)}.")
    if len(predictions) != expected:
        raise PredictionError(f"Expected {expected} predictions, one an image, but got {len(predictions)}.")
    for position, prediction in enumerate(predictions):
        if fault := _fault(prediction, classes):
            raise PredictionError(f"Prediction {position} of {expected}: {fault}")


def outcomes(predictions: Sequence[Prediction], truths: Sequence[Truth]) -> pa.Table:
    """Return the `SCHEMA` table of predictions that passed `check`; of equal scores the first class is the answer."""
    predicted = np.array([prediction.scores.argmax() for prediction in predictions], np.int32)
    pairs = zip(predictions, predicted, strict=True)
    score = np.array([prediction.scores[answer] for prediction, answer in pairs], np.float32)
    truth = np.array(truths, np.int32)
    if truth.shape != predicted.shape:
        raise DataError(f"Expected one truth a prediction, but got {len(truth)} truths for {len(predicted)}.")
    return pa.table([truth, predicted, score, truth == predicted], schema=SCHEMA)


def measures(table: pa.Table, names: Sequence[str]) -> tuple[Measure, ...]:
    """Return the named metrics over the outcomes of a whole dataset. Raises InvalidProtocol on unknown names."""
    for name in names:
        if name not in METRICS:
            known = ", ".join(METRICS)
            hint = nearest(name, METRICS)
            raise InvalidProtocol(f"Classification has no metric '{name}'. There are: {known}. {hint}".rstrip())
    predicted, truth = (table[column].to_numpy() for column in ("predicted", "truth"))
    return tuple(METRICS[name](predicted, truth) for name in names)


def contributions(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return what each sample adds to a metric of `METRICS`, shape (n,); their mean is the metric.

    For a metric in `STRATIFIED` that holds of resamples too, as long as they keep the number of samples of each class.
    """
    correct: NDArray[np.float64] = table["correct"].to_numpy().astype(np.float64)
    if name not in STRATIFIED:
        return correct
    _, index, count = np.unique(table["truth"].to_numpy(), return_inverse=True, return_counts=True)
    return np.asarray(correct * len(correct) / (len(count) * count[index]), float)


def _top1_measure(predicted: NDArray[Any], truth: NDArray[Any]) -> Measure:
    value = top1(predicted, truth)
    interval = wilson(int(np.sum(predicted == truth)), len(truth))
    return Measure(name="top1", value=value, low=interval.low, high=interval.high)


def _balanced_accuracy_measure(predicted: NDArray[Any], truth: NDArray[Any]) -> Measure:
    value = balanced_accuracy(predicted, truth)
    interval = stratified_wilson(*_by_class(predicted, truth))
    return Measure(name="balanced_accuracy", value=value, low=interval.low, high=interval.high)


METRICS: dict[str, Callable[[NDArray[Any], NDArray[Any]], Measure]] = {
    "top1": _top1_measure,
    "balanced_accuracy": _balanced_accuracy_measure,
}
"""Every metric that a protocol can name for this task."""

STRATIFIED = frozenset(["balanced_accuracy"])
"""The metrics that weigh classes, not samples: resamples keep the number of samples of each class."""


def _paired(predicted: ArrayLike, truth: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    if predicted.shape != truth.shape or truth.ndim != 1 or not truth.size:
        raise DataError(
            f"Expected predicted and true classes of shape (n,), n > 0, but got {predicted.shape} and {truth.shape}."
        )
    return predicted, truth


def _by_class(predicted: NDArray[Any], truth: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return how many samples of each class that occurs are right, and how many there are."""
    _, index, count = np.unique(truth, return_inverse=True, return_counts=True)
    return np.bincount(index, weights=predicted == truth).astype(np.float64), count


def _fault(prediction: object, classes: int) -> str:
    """Return what is wrong with one prediction, an empty string where nothing is."""
    if not isinstance(prediction, Classification):
        return f"Expected a Classification, but got {_type(prediction)}."
    scores: object = prediction.scores
    if not isinstance(scores, np.ndarray):
        return f"Expected scores in a numpy array, but got {_type(scores)}."
    if scores.dtype != np.float32:
        return f"Expected scores of dtype float32, but got {scores.dtype}."
    if scores.shape != (classes,):
        return f"Expected scores of shape ({classes},), one a class, but got {scores.shape}."
    if not np.isfinite(scores).all():
        return f"Expected finite scores, but got {_first_not_finite(scores)}."
    return ""


def _first_not_finite(scores: NDArray[np.float32]) -> str:
    place = int(np.flatnonzero(~np.isfinite(scores))[0])
    return f"{scores[place]} for class {place}"


def _type(value: object) -> str:
    return type(value).__name__
