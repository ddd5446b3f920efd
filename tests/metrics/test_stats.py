from functools import partial
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, bootstrap

from suite.metrics.detection import mean_average_precision
from suite.metrics.segmentation import mean_iou
from suite.metrics.stats import bootstrap_interval, exact, stratified_wilson, wilson
from tests.metrics.simulated import detections, segments

counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_wilson_agrees_with_scipy(n, fraction, level):
    successes = round(n * fraction)
    expected = binomtest(successes, n).proportion_ci(level, method="wilson")
    assert wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_stays_exactly_within_its_bounds_at_the_extremes():
    assert wilson(0, 20).low == 0.0
    assert wilson(20, 20).high == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_interval_of_half_of_a_hundred_is_the_one_of_the_textbooks():
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=5e-5)


@pytest.mark.parametrize("interval", [wilson, exact])
@pytest.mark.parametrize(("successes", "n", "level"), [(-1, 5, 0.95), (6, 5, 0.95), (2, 5, 1.0), (2, 5, 0.0)])
def test_what_cannot_be_is_refused(interval, successes, n, level):
    with pytest.raises(ValueError, match="Expected 0 <= successes <= n"):
        interval(successes, n, level)


@given(counts, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_the_exact_interval_agrees_with_scipy(count, level):
    successes, n = count
    expected = binomtest(successes, n).proportion_ci(level, method="exact")
    assert exact(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("interval", [wilson, exact])
@pytest.mark.parametrize(("n", "fraction"), [(526, 0.865), (526, 0.624), (5000, 0.99)])
def test_intervals_of_an_accuracy_cover_it(interval, n, fraction):
    """Not simulated: summed over all counts that can come out, each with its probability."""
    possible = np.arange(n + 1)
    likely = binom.pmf(possible, n, fraction)
    covered = [low <= fraction <= high for low, high in (interval(int(count), n) for count in possible)]
    assert 0.93 < np.sum(likely[covered]) < 0.97


@given(counts, st.sampled_from([0.9, 0.95]))
def test_of_one_stratum_the_stratified_interval_is_wilsons(count, level):
    assert stratified_wilson([count[0]], [count[1]], level) == pytest.approx(wilson(*count, level), abs=1e-12)


def test_strata_that_are_all_right_have_the_interval_of_their_pool():
    assert stratified_wilson([50, 50, 50], [50, 50, 50]) == pytest.approx(wilson(150, 150), abs=1e-12)


@given(st.lists(counts, min_size=1, max_size=20))
def test_the_stratified_interval_holds_the_mean_and_turns_with_the_labels(strata):
    hits, sizes = np.array(strata).T
    low, high = stratified_wilson(hits, sizes)
    assert 0 <= low <= np.mean(hits / sizes) + 1e-12
    assert np.mean(hits / sizes) - 1e-12 <= high <= 1
    assert stratified_wilson(sizes - hits, sizes) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(
    ("sizes", "fractions"),
    [
        ([376, 150], [0.95, 0.7]),
        ([376, 150], [0.99, 0.5]),
        ([20] * 9, [0.99, 0.95, 0.9, 0.8, 0.8, 0.7, 0.6, 0.9, 0.99]),
        ([50] * 400, np.linspace(0.5, 0.99, 400)),
    ],
)
def test_the_stratified_interval_covers_the_balanced_accuracy(rng, sizes, fractions):
    drawn = rng.binomial(sizes, fractions, (5000, len(sizes)))
    ends = np.array([stratified_wilson(hits, sizes) for hits in drawn])
    truth = np.mean(fractions)
    assert 0.93 < np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])) < 0.97


@pytest.mark.parametrize(
    ("successes", "n", "level"),
    [([1], [0], 0.95), ([2], [1], 0.95), ([-1], [1], 0.95), ([1], [1, 2], 0.95), ([], [], 0.95), ([1], [1], 1.0)],
)
def test_strata_that_cannot_be_are_refused(successes, n, level):
    with pytest.raises(ValueError, match="Expected 0 <= successes <= n, n > 0"):
        stratified_wilson(successes, n, level)


def mean_of(values):
    """Return what `bootstrap_interval` takes to give the interval of a mean."""
    return lambda counts: counts @ values / len(values)


@given(st.sampled_from([0.8, 0.95]), st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_bootstrap_interval_of_a_mean_agrees_with_scipy(level, seed):
    values = np.random.default_rng(seed).gamma(2, 1, 150)
    expected = bootstrap(
        (values,), np.mean, confidence_level=level, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    spread = values.std() / np.sqrt(values.size)
    assert bootstrap_interval(mean_of(values), 150, level=level) == pytest.approx(tuple(expected), abs=0.12 * spread)


def test_the_bootstrap_interval_holds_what_it_is_of_and_repeats(rng):
    areas = segments(rng, 80)
    low, high = bootstrap_interval(partial(mean_iou, areas), 80, resamples=499)
    assert low < mean_iou(areas, np.ones((1, 80)))[0] < high
    assert (low, high) == bootstrap_interval(partial(mean_iou, areas), 80, resamples=499)
    wide = bootstrap_interval(partial(mean_iou, areas), 80, resamples=499, level=0.99)
    assert wide.low < low < high < wide.high


def test_strata_take_what_lies_between_them_out_of_the_bootstrap_interval(rng):
    strata = np.repeat(["a", "b"], [40, 20])
    values = np.where(strata == "a", 5.0, 1.0) + rng.normal(0, 0.1, 60)
    low, high = bootstrap_interval(mean_of(values), 60, strata=strata)
    spread = 1.96 * sqrt(40 * values[:40].var() + 20 * values[40:].var()) / 60
    assert (low, high) == pytest.approx((values.mean() - spread, values.mean() + spread), abs=0.1 * spread)
    pooled = bootstrap_interval(mean_of(values), 60)
    assert pooled.high - pooled.low > 10 * (high - low)


@pytest.mark.parametrize(
    ("compute", "draw", "sets"),
    [(mean_iou, segments, 1500), (mean_average_precision, partial(detections, categories=2), 250)],
)
def test_bootstrap_intervals_cover_the_mean_over_sets(rng, compute, draw, sets):
    """With 200 images; tests/benchmarks/interval_coverage.py has more of it."""
    values, ends = [], []
    for _ in range(sets):
        statistic = partial(compute, draw(rng, 200))
        values.append(statistic(np.ones((1, 200)))[0])
        ends.append(bootstrap_interval(statistic, 200, resamples=299))
    low, high = np.array(ends).T
    assert 0.93 < np.mean((low <= np.mean(values)) & (np.mean(values) <= high)) < 0.97


@pytest.mark.parametrize(("n", "level", "strata"), [(0, 0.95, None), (3, 1.0, None), (3, 0.95, [0, 1])])
def test_a_bootstrap_interval_that_cannot_be_is_refused(n, level, strata):
    with pytest.raises(ValueError, match="Expected"):
        bootstrap_interval(lambda counts: counts.sum(axis=1), n, level=level, strata=strata)


def test_a_statistic_that_some_resamples_lack_has_no_bootstrap_interval():
    """Only one of the three images says anything, and not every resample holds it."""
    with pytest.raises(ValueError, match="no value on"):
        bootstrap_interval(lambda counts: np.where(counts[:, 0] > 0, 1.0, np.nan), 3)
    strata = [0, 1, 1]
    assert bootstrap_interval(lambda counts: np.where(counts[:, 0] > 0, 1.0, np.nan), 3, strata=strata) == (1, 1)
