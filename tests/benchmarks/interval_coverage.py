"""How often the bootstrap's intervals hold what they are about, and what a mean average precision's takes.

    python -m tests.benchmarks.interval_coverage --sets 400

Sets are drawn from simulated populations (tests/metrics/simulated.py). Intervals are about the mean over sets of that
size; the value of a population is beside it. Last, resamples of a set of the size of COCO's val2017 are timed.
"""

from __future__ import annotations

import argparse
import resource
import time
from functools import partial

import numpy as np

from suite.metrics.comparison import paired_set_bootstrap
from suite.metrics.detection import Matches, mean_average_precision
from suite.metrics.resampling import counts_of, resampled
from suite.metrics.segmentation import mean_iou
from suite.metrics.stats import bootstrap_interval
from tests.metrics.simulated import OVERLAPS, detections, segments

METRICS = {"mAP": (mean_average_precision, detections), "mIoU": (mean_iou, segments)}
POPULATION = 50_000


def coverage(name: str, n: int, sets: int, resamples: int) -> str:
    """Return what was measured of the intervals of one metric and of the difference of two equally good entries."""
    compute, draw = METRICS[name]
    rng = np.random.default_rng(7)
    itself, found = np.ones((1, n)), []
    for _ in range(sets):
        ease = rng.normal(0, 0.7, n)
        first, second = (partial(compute, draw(rng, n, ease=ease)) for _ in range(2))
        low, high = bootstrap_interval(first, n, resamples=resamples)
        difference = paired_set_bootstrap(first, second, n=n, resamples=resamples)
        found.append((first(itself)[0], low, high, difference.low <= 0 <= difference.high, difference.p_value < 0.05))
    value, low, high, zero, significant = np.array(found).T
    whole = compute(draw(rng, POPULATION, ease=rng.normal(0, 0.7, POPULATION)), np.ones((1, POPULATION)))[0]
    covered = np.mean((low <= value.mean()) & (value.mean() <= high))
    return (
        f"{name} n={n}: mean {value.mean():.4f}, covered {covered:.3f}; of {POPULATION:,}: {whole:.4f}, "
        f"covered {np.mean((low <= whole) & (whole <= high)):.3f}; difference {zero.mean():.3f}, "
        f"significant {significant.mean():.3f}"
    )


def large(rng: np.random.Generator, n: int = 5_000, categories: int = 80) -> list[Matches]:
    """Return as many truths and detections as on COCO's val2017: 36,000 and 440,000, half of them of one category."""
    share = rng.pareto(1.0, categories) + 0.3
    found = []
    for part in share / share.sum():
        truths = rng.poisson(7.2 * part, n)
        image = np.repeat(np.arange(n), rng.poisson(80 * part, n) + truths)
        score = rng.random(image.size)
        matched = (rng.random(image.size) < 0.3 * score**3) & (rng.random((OVERLAPS.size, image.size)) > 0.5)
        found.append(Matches(image, score, matched, np.zeros_like(matched), truths))
    return found


def timing(resamples: int) -> str:
    """Return how long resamples of a large set take."""
    categories = large(np.random.default_rng(0))
    begin = time.perf_counter()
    for drawn in resampled(5_000, resamples=resamples):
        mean_average_precision(categories, counts_of(drawn))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{resamples} resamples of 5,000 images: {time.perf_counter() - begin:.1f} s, {memory:.0f} MiB"


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=399)
    options = parser.parse_args()
    print(timing(1000), flush=True)
    for name, n in (("mIoU", 200), ("mIoU", 500), ("mAP", 200), ("mAP", 500)):
        print(coverage(name, n, options.sets * (4 if name == "mIoU" else 1), options.resamples), flush=True)


if __name__ == "__main__":
    main()
