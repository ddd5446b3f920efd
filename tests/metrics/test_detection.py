"""Mean average precision held against pycocotools, also on sets in which images are there several times."""

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from suite.errors import DataError
from suite.metrics import detection
from suite.metrics.detection import Matches, average_precision, matches_of, mean_average_precision
from tests.metrics.simulated import detections

CATEGORIES = (1, 2)
MOST_COPIES = 3

corners = st.integers(0, 4).map(lambda step: 8.0 * step)
sides = st.sampled_from([16.0, 24.0, 30.0, 40.0, 100.0, 120.0])
boxes = st.tuples(corners, corners, sides, sides)
truths = st.fixed_dictionaries(
    {"bbox": boxes, "category_id": st.sampled_from(CATEGORIES), "iscrowd": st.sampled_from([0, 0, 0, 1])}
)
guesses = st.fixed_dictionaries(
    {"bbox": boxes, "category_id": st.sampled_from(CATEGORIES), "score": st.sampled_from([0.3, 0.6, 0.9])}
)
images = st.tuples(st.lists(truths, max_size=4), st.lists(guesses, max_size=5), st.integers(0, MOST_COPIES))


def indexed(entries, ids):
    """Return a COCO object of (image id, annotation) pairs."""
    data = COCO()
    areas = [each["bbox"][2] * each["bbox"][3] for _, each in entries]
    annotations = [
        {"iscrowd": 0, **each, "bbox": list(each["bbox"]), "area": area, "image_id": image, "id": 1 + place}
        for place, ((image, each), area) in enumerate(zip(entries, areas, strict=True))
    ]
    data.dataset = {
        "images": [{"id": image} for image in ids],
        "annotations": annotations,
        "categories": [{"id": category} for category in CATEGORIES],
    }
    data.createIndex()
    return data


def evaluated(pictures, counts):
    """Return pycocotools' evaluation of a set that holds each image as often as its count, side by side."""
    copies = [(10 * place + copy, place) for place, count in enumerate(counts) for copy in range(count)]
    ids = [image for image, _ in copies]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(
            indexed([(image, truth) for image, place in copies for truth in pictures[place][0]], ids),
            indexed([(image, guess) for image, place in copies for guess in pictures[place][1]], ids),
            "bbox",
        )
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def expected(evaluation, area):
    """Return pycocotools' own average precision, shape (categories, thresholds), NaN where it says -1."""
    precision = evaluation.eval["precision"][:, :, :, evaluation.params.areaRngLbl.index(area), -1]
    return np.where(precision < 0, np.nan, precision).mean(axis=1).T


@settings(max_examples=60)
@given(st.lists(images, min_size=1, max_size=6), st.sampled_from(["all", "small", "medium", "large"]))
def test_a_set_and_its_resamples_have_pycocotools_precision(pictures, area):
    ones, counts = [1] * len(pictures), [count for _, _, count in pictures]
    counts = counts if sum(counts) else ones
    evaluation = evaluated(pictures, ones)
    found = [average_precision(each, np.array([ones, counts], float)) for each in matches_of(evaluation, area)]
    assert np.array(found)[:, 0] == pytest.approx(expected(evaluation, area), abs=1e-12, nan_ok=True)
    drawn = expected(evaluated(pictures, counts), area)
    assert np.array(found)[:, 1] == pytest.approx(drawn, abs=1e-12, nan_ok=True)


def simulated_pictures(rng, n, decimals):
    """Return images of up to six truths, with guesses near most of them and others that are wrong."""
    pictures = []
    for _ in range(n):
        true = [
            {"bbox": (*rng.uniform(0, 200, 2), *rng.uniform(20, 120, 2)), "category_id": int(rng.integers(1, 3))}
            for _ in range(rng.integers(0, 7))
        ]
        near = [{**each, "bbox": tuple(np.array(each["bbox"]) + rng.normal(0, 6, 4))} for each in true]
        wrong = [{"bbox": (*rng.uniform(0, 200, 2), 50.0, 50.0), "category_id": int(rng.integers(1, 3))}]
        pictures.append((true, [{**each, "score": float(np.round(rng.random(), decimals))} for each in near + wrong]))
    return pictures


@pytest.mark.parametrize("decimals", [1, 12])
def test_a_larger_set_has_pycocotools_mean_average_precision(rng, decimals):
    """With one decimal many scores are equal, within images and between them."""
    pictures = simulated_pictures(rng, 60, decimals)
    counts = np.bincount(rng.integers(0, 60, 60), minlength=60)
    evaluation = evaluated(pictures, [1] * 60)
    found = mean_average_precision(matches_of(evaluation), np.stack([np.ones(60), counts]))
    for value, each in zip(found, (evaluation, evaluated(pictures, counts)), strict=True):
        with contextlib.redirect_stdout(io.StringIO()):
            each.summarize()
        assert value == pytest.approx(each.stats[0], abs=1e-12)
    assert 0.1 < found[0] < 0.9
    assert found[0] != found[1]


def one_category(*, truths, image, score, matched, ignored=None):
    matched = np.array([matched], bool)
    ignored = np.zeros_like(matched) if ignored is None else np.array([ignored], bool)
    return Matches(np.array(image, int), np.array(score, float), matched, ignored, np.array(truths, int))


def test_known_answers():
    """Two truths: one found first, one after a wrong guess: precision 1 at the 51 recalls to 0.5, 2/3 at 50 others."""
    category = one_category(truths=[2], image=[0, 0, 0], score=[0.9, 0.8, 0.7], matched=[1, 0, 1])
    assert average_precision(category, np.ones((1, 1)))[0, 0] == pytest.approx((51 + 50 * 2 / 3) / 101)
    without = one_category(truths=[2], image=[0, 0, 0], score=[0.9, 0.8, 0.7], matched=[1, 0, 1], ignored=[0, 1, 0])
    assert average_precision(without, np.ones((1, 1)))[0, 0] == pytest.approx(1)
    nothing = one_category(truths=[3], image=[], score=[], matched=[])
    assert average_precision(nothing, np.ones((1, 1)))[0, 0] == 0


def test_a_category_without_truths_is_left_out_of_the_mean():
    found = one_category(truths=[1, 0], image=[0], score=[0.5], matched=[1])
    missed = one_category(truths=[0, 1], image=[], score=[], matched=[])
    counts = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    assert mean_average_precision([found, missed], counts) == pytest.approx([0.5, 1, 0, np.nan], nan_ok=True)


def test_blocks_do_not_change_the_answer(rng, monkeypatch):
    categories = detections(rng, 40)
    counts = rng.multinomial(40, np.full(40, 1 / 40), 30).astype(float)
    at_once = mean_average_precision(categories, counts)
    monkeypatch.setattr(detection, "MOST_AT_ONCE", 100)
    assert (mean_average_precision(categories, counts) == at_once).all()
    assert len(np.unique(at_once)) == 30


def test_shapes_that_do_not_fit_are_refused(rng):
    category = detections(rng, 5, categories=1)[0]
    with pytest.raises(DataError, match=r"counts of shape \(resamples, 5\), but got \(1, 4\)"):
        average_precision(category, np.ones((1, 4)))
    with pytest.raises(DataError, match="twice"):
        replace(category, score=category.score[1:])
    with pytest.raises(DataError, match="images from 0 to 2"):
        replace(category, truths=np.zeros(3, int), image=np.full(category.image.size, 3))
    with pytest.raises(DataError, match="image after image"):
        one_category(truths=[1, 1], image=[1, 0, 1], score=[0.1, 0.2, 0.3], matched=[1, 1, 1])


def test_an_evaluation_that_lacks_what_is_asked_is_refused():
    with pytest.raises(DataError, match="an area 'tiny'"):
        matches_of(evaluated([([], [])], [1]), "tiny")
    with pytest.raises(DataError, match="after evaluate"):
        matches_of(COCOeval(iouType="bbox"))
