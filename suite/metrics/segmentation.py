"""Semantic segmentation: mean intersection over union of a set of images, and of any resample of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from suite.errors import DataError
from suite.metrics.resampling import Counts, ratio


@dataclass(frozen=True, eq=False)
class Areas:
    """Per image and class, shape (n, classes): pixels that are truly and predictably of it, and that are either."""

    intersection: NDArray[np.float64]
    union: NDArray[np.float64]


def confusion(truth: ArrayLike, predicted: ArrayLike, *, classes: int, ignored: int | None = None) -> NDArray[np.int64]:
    """Return how many pixels of each true class (row) are predicted as each (column), shape (classes, classes).

    Two label maps of one shape. Pixels whose truth is ``ignored`` do not count, whatever is predicted there, as in
    mmsegmentation and torchmetrics. Raises DataError on other shapes and on labels that are no class.
    """
    true, found = np.asarray(truth), np.asarray(predicted)
    if true.shape != found.shape or not _are_labels(true) or not _are_labels(found):
        got = f"{true.shape} {true.dtype} and {found.shape} {found.dtype}"
        raise DataError(f"Expected true and predicted label maps of one shape, of integers, but got {got}.")
    counted = np.ones(true.shape, bool) if ignored is None else true != ignored
    pairs = np.stack([true[counted], found[counted]]).astype(np.int64)
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < classes):
        got = f"{pairs.min()} to {pairs.max()}"
        raise DataError(f"Expected labels from 0 to {classes - 1}, or {ignored} in the truth, but got {got}.")
    return np.bincount(pairs[0] * classes + pairs[1], minlength=classes**2).reshape(classes, classes)


def areas(confusions: ArrayLike) -> Areas:
    """Return the areas in per-image confusion matrices, shape (n, classes, classes). Raises DataError on others."""
    table = np.asarray(confusions)
    if table.ndim != 3 or table.shape[1] != table.shape[2] or not table.size or not _are_labels(table):
        raise DataError(f"Expected integers of shape (n, classes, classes), but got {table.shape} {table.dtype}.")
    intersection = np.diagonal(table, axis1=1, axis2=2).astype(float)
    return Areas(intersection, table.sum(axis=1) + table.sum(axis=2) - intersection)


def class_ious(of: Areas, counts: Counts) -> NDArray[np.float64]:
    """Return each class's intersection over union in each resample, pixels pooled over its images.

    ``counts``, shape (resamples, n), says how often each image is drawn; shape (resamples, classes). NaN for a class
    that is neither in the truth nor predicted anywhere in the resample. Raises DataError on other shapes.
    """
    if counts.ndim != 2 or counts.shape[1] != len(of.union):
        raise DataError(f"Expected counts of shape (resamples, {len(of.union)}), but got {counts.shape}.")
    return ratio(counts @ of.intersection, counts @ of.union)


def mean_iou(of: Areas, counts: Counts) -> NDArray[np.float64]:
    """Return the mean intersection over union of each resample, shape (resamples,); arguments as for `class_ious`.

    Classes that are neither in the truth nor predicted are left out of the mean, as mmsegmentation's ``nanmean`` and
    torchmetrics' macro average do; one that is predicted but not true counts as 0. NaN where no class is left.
    """
    ious = class_ious(of, counts)
    there = np.isfinite(ious)
    return ratio(np.sum(ious, axis=1, where=there), np.sum(there, axis=1))


def _are_labels(values: NDArray[np.generic]) -> bool:
    return bool(np.issubdtype(values.dtype, np.integer))
