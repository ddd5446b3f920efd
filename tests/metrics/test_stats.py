import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from suite.metrics.stats import exact, stratified_wilson, wilson

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
