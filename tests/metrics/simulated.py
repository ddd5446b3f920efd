"""Sets of images whose detections and segmentations are drawn at random, as often as wanted, from one population.

Some images are harder than others, which is why images are resampled, not boxes or pixels.
"""

import numpy as np

from suite.metrics.detection import Matches
from suite.metrics.segmentation import Areas

OVERLAPS = np.linspace(0.5, 0.95, 10)


def detections(rng, n, *, categories=10, ease=None, skill=0.0):
    """Return the matches of each category: about one truth every image or two, found more often the higher the skill.

    ``ease``, shape (n,), is what the images of several entries share.
    """
    ease = rng.normal(0, 1, n) if ease is None else ease
    return [_category(rng, ease, rate, skill) for rate in (1.0 + np.arange(categories)) ** -0.3]


def _category(rng, ease, rate, skill):
    n = ease.size
    truths = rng.negative_binomial(0.6, 0.6 / (0.6 + rate), n)
    of_truth = np.repeat(np.arange(n), truths)
    found = of_truth[rng.random(of_truth.size) < 1 / (1 + np.exp(-1 - skill - ease[of_truth]))]
    overlap = 0.5 + 0.5 * rng.beta(3, 2, found.size)
    wrong = np.repeat(np.arange(n), rng.poisson(0.3 * rate, n))
    score = np.concatenate([rng.normal(0.7 * ease[found] + 2 * overlap - 0.6, 1), rng.normal(-0.8, 1, wrong.size)])
    matched = np.concatenate([overlap > OVERLAPS[:, None], np.zeros((OVERLAPS.size, wrong.size), bool)], axis=1)
    image = np.concatenate([found, wrong])
    order = np.argsort(image, kind="stable")
    return Matches(image[order], score[order], matched[:, order], np.zeros_like(matched), truths)


def segments(rng, n, *, classes=19, ease=None, skill=0.0):
    """Return the areas of images that hold a third of the classes each, at sizes of all orders of magnitude."""
    ease = rng.normal(0, 0.5, n) if ease is None else ease
    there = rng.random((n, classes)) < 0.9 * (1.0 + np.arange(classes)) ** -0.3
    truth = np.floor(there * rng.lognormal(7, 1, (n, classes)))
    overlap = 1 / (1 + np.exp(-0.5 - skill - ease[:, None] - rng.normal(0, 0.8, (n, classes))))
    wrong = np.floor(rng.lognormal(3, 1, (n, classes)) * (rng.random((n, classes)) < 0.1))
    return Areas(np.floor(truth * overlap), truth + wrong)
