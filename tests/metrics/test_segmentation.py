"""Mean intersection over union held against scikit-learn, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, jaccard_score

from suite.errors import DataError
from suite.metrics.segmentation import areas, class_ious, confusion, mean_iou

CLASSES, IGNORED = 5, 255

seeds = st.integers(0, 2**32 - 1)


def label_maps(seed, n=4):
    """Return true and predicted maps of n images, shape (n, height, width) each; some classes are in neither."""
    rng = np.random.default_rng(seed)
    used = rng.choice(CLASSES, rng.integers(1, CLASSES + 1), replace=False)
    truth = rng.choice(used, (n, 3, 4))
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.choice(used, truth.shape))
    return np.where(rng.random(truth.shape) < 0.1, IGNORED, truth), predicted


def areas_of(truth, predicted):
    pairs = zip(truth, predicted, strict=True)
    return areas([confusion(one, other, classes=CLASSES, ignored=IGNORED) for one, other in pairs])


@given(seeds)
def test_a_confusion_matrix_is_scikit_learns(seed):
    truth, predicted = (maps[0] for maps in label_maps(seed))
    counted = truth != IGNORED
    assume(counted.any())
    expected = confusion_matrix(truth[counted], predicted[counted], labels=range(CLASSES))
    assert (confusion(truth, predicted, classes=CLASSES, ignored=IGNORED) == expected).all()


@given(seeds, st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any))
def test_the_mean_iou_of_a_resample_is_scikit_learns_of_its_pixels(seed, counts):
    truth, predicted = label_maps(seed)
    found = mean_iou(areas_of(truth, predicted), np.array([counts, [1, 1, 1, 1]], float))
    for value, times in zip(found, (counts, 1), strict=True):
        true, guess = np.repeat(truth, times, axis=0), np.repeat(predicted, times, axis=0)
        true, guess = true[true != IGNORED], guess[true != IGNORED]
        there = np.union1d(true, guess)
        if there.size:
            expected = jaccard_score(true, guess, labels=there, average="macro", zero_division=0)
            assert value == pytest.approx(expected, abs=1e-12)


def test_known_answers():
    """Class 0 has 2 of 4 pixels, class 1 has 1 of 2; class 2 is predicted and never true; class 3 is nowhere."""
    one = confusion([[0, 0, 0], [1, 1, 9]], [[0, 0, 2], [1, 0, 3]], classes=4, ignored=9)
    assert one.tolist() == [[2, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    of = areas([one])
    ones = np.ones((1, 1))
    assert class_ious(of, ones)[0] == pytest.approx([2 / 4, 1 / 2, 0, np.nan], nan_ok=True)
    assert mean_iou(of, ones)[0] == pytest.approx(1 / 3)


def test_without_any_pixel_there_is_no_mean():
    of = areas([np.eye(3, dtype=int), np.zeros((3, 3), int)])
    assert mean_iou(of, np.array([[1.0, 1.0], [0.0, 2.0]])) == pytest.approx([1, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([[0, 1]], [[0], [1]], "of one shape, of integers"),
        ([0.0, 1.0], [0, 1], "of one shape, of integers"),
        ([0, 1], [0, 5], "labels from 0 to 4"),
        ([0, -1], [0, 1], "labels from 0 to 4"),
    ],
)
def test_maps_that_do_not_fit_are_refused(truth, predicted, message):
    with pytest.raises(DataError, match=message):
        confusion(truth, predicted, classes=CLASSES)


@pytest.mark.parametrize(
    "matrices", [np.zeros((2, 2), int), np.zeros((1, 2, 3), int), np.zeros((0, 2, 2), int), np.zeros((1, 2, 2))]
)
def test_what_is_no_confusion_matrix_is_refused(matrices):
    with pytest.raises(DataError, match=r"integers of shape \(n, classes, classes\)"):
        areas(matrices)


def test_counts_of_other_images_are_refused():
    with pytest.raises(DataError, match=r"counts of shape \(resamples, 2\)"):
        mean_iou(areas(np.ones((2, 3, 3), int)), np.ones((1, 3)))
