"""Where a drop comes down to a budget, against analytic curves, scipy, Tango's interval and simulated truth."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from scipy.stats import logistic

from suite.metrics import advice, comparison
from suite.metrics.advice import EVERYWHERE, NOWHERE, DropAt, Outcomes, advise
from suite.metrics.rate import Point, monotone

RATES = np.geomspace(0.1, 4, 9)
ACCURACY, MIDDLE, SCALE = 0.9, -0.3, 0.25
"""A model that is right on nine originals of ten; half of these survive at 10^-0.3 bpp, by a logistic in log10 bpp."""


def true_crossing(budget):
    """Return where the logistic drop, 0.9 (1 - F(log10 bpp)), is the budget."""
    return 10 ** logistic.ppf(1 - budget / ACCURACY, MIDDLE, SCALE)


def from_thresholds(thresholds, right, rates=RATES):
    """Return outcomes: what is right on the original stays so from a threshold of log10 bpp on."""
    compressed = right & (np.log10(rates)[:, None] > thresholds)
    return Outcomes(np.asarray(rates, float), right.astype(float), compressed.astype(float))


def drawn(rng, n):
    return from_thresholds(rng.logistic(MIDDLE, SCALE, n), rng.random(n) < ACCURACY)


def lossy(lost, *, n=1000, gained=None, rates=None):
    """Return outcomes in which the first ``lost[i]`` samples are lost at rate i, and the last ``gained[i]`` won."""
    gained = gained or [0] * len(lost)
    original = np.ones(n)
    original[n - max(gained, default=0) :] = 0
    compressed = np.tile(original, (len(lost), 1))
    for row, (first, last) in enumerate(zip(lost, gained, strict=True)):
        compressed[row, :first] = 0
        compressed[row, n - last :] = 1
    rates = 2.0 ** np.arange(len(lost)) if rates is None else rates
    return Outcomes(np.array(rates, float), original, compressed)


@pytest.mark.parametrize("budget", [0.03, 0.1, 0.4])
def test_a_logistic_curve_is_crossed_where_algebra_says(budget):
    n = 20_000
    thresholds = logistic.ppf((np.arange(n) + 0.5) / n, MIDDLE, SCALE)
    right = np.ones(n, bool)
    right[:: round(1 / (1 - ACCURACY))] = False
    found = advise(from_thresholds(thresholds, right, np.geomspace(0.1, 4, 25)), budget).crossing
    assert found.bits_per_pixel == pytest.approx(true_crossing(budget), rel=0.01)
    assert found.low < found.bits_per_pixel < found.high
    # The delta method: the drop's standard error over its slope along log10 bpp.
    slope = ACCURACY * logistic.pdf(np.log10(true_crossing(budget)), MIDDLE, SCALE)
    expected = 1.96 * np.sqrt(budget * (1 - budget) / n) / slope
    assert np.log10(found.high / found.low) / 2 == pytest.approx(expected, rel=0.3)
    assert found.drop_at_high < budget


@pytest.mark.parametrize(("n", "budget"), [(300, 0.2), (800, 0.06)])
def test_the_interval_covers_the_true_rate_as_often_as_it_says(rng, n, budget):
    simulations, covered, claimed_too_low = 400, 0, 0
    truth = true_crossing(budget)
    for _ in range(simulations):
        found = advise(drawn(rng, n), budget, resamples=599)
        low, high = found.crossing.low or 0, found.crossing.high or np.inf
        covered += low <= truth <= high
        claimed_too_low += high < truth
    assert 0.92 <= covered / simulations <= 0.98
    # The upper end alone may miss in 2.5 %, give or take three standard errors of that many simulations.
    assert claimed_too_low / simulations <= 0.05


def test_a_measured_claim_is_seldom_wrong_however_many_settings_there_are(rng):
    simulations, wrong = 250, 0
    truth = true_crossing(0.1)
    for _ in range(simulations):
        outcomes = from_thresholds(
            rng.logistic(MIDDLE, SCALE, 300), rng.random(300) < ACCURACY, np.geomspace(truth / 1.1, truth / 1.001, 20)
        )
        wrong += advise(outcomes, 0.1, resamples=99).smallest is not None
    assert wrong / simulations <= 0.05


def test_drops_have_tangos_interval():
    found = advise(lossy([100, 30, 5], gained=[0, 10, 5]), 0.03, resamples=99)
    assert [drop.bits_per_pixel for drop in found.drops] == [1, 2, 4]
    assert [drop.value for drop in found.drops] == pytest.approx([0.1, 0.02, 0])
    for drop, counts in zip(found.drops, [(100, 0), (30, 10), (5, 5)], strict=True):
        assert (drop.low, drop.high) == comparison.tango(*counts, 1000)
    assert found.resolution == comparison.tango(5, 5, 1000).high


def test_strata_have_the_paired_bootstraps_interval(rng):
    strata = np.repeat([0, 1], [3000, 1000])
    weights = np.where(strata == 0, 2 / 3, 2.0)
    original, compressed = (weights * (rng.random(4000) < share) for share in (0.9, 0.7))
    (drop,) = advise(Outcomes(np.ones(1), original, compressed[None], strata), 0.1, resamples=4_999).drops
    expected = comparison.paired_bootstrap(original, compressed, strata=strata)
    assert drop.value == pytest.approx(expected.value)
    assert (drop.low, drop.high) == pytest.approx((expected.low, expected.high), abs=0.0015)


def test_without_any_difference_the_bound_is_that_of_so_few_samples():
    least = 1.959963984540054**2 / (50 + 1.959963984540054**2)
    assert advise(lossy([0, 0], n=50), 0.01).resolution == pytest.approx(least)
    same = lossy([0, 0], n=50)
    weighted = Outcomes(same.bits_per_pixel, same.original, same.compressed, np.arange(50) % 2)
    assert [drop.high for drop in advise(weighted, 0.01).drops] == pytest.approx([least] * 2)
    assert [drop.low for drop in advise(weighted, 0.01).drops] == pytest.approx([-least] * 2)
    assert advise(weighted, 0.01).smallest is None
    assert advise(weighted, 0.08).smallest == 0


def test_a_setting_that_fits_by_luck_below_one_that_does_not_is_no_answer():
    found = advise(lossy([200, 5, 60, 10, 3]), 0.03)
    assert [drop.high <= 0.03 for drop in found.drops] == [False, True, False, True, True]
    assert found.smallest == 3
    assert 4 < found.crossing.high <= 8
    assert advise(lossy([60, 61], gained=[60, 60]), 0.001).closest == 0
    assert advise(lossy([60, 1], gained=[60, 0]), 0.001).closest == 1
    assert advise(lossy([5, 60]), 0.03).smallest is None
    assert advise(lossy([5, 60]), 0.03).closest == 0
    assert advise(lossy([5, 60]), 0.03).crossing.high is None


def test_the_order_of_settings_does_not_matter(rng):
    one = drawn(rng, 200)
    shuffled = rng.permutation(len(RATES))
    other = Outcomes(RATES[shuffled], one.original, one.compressed[shuffled])
    assert advise(one, 0.2) == advise(other, 0.2)


def test_budgets_beyond_the_curve_are_never_extrapolated():
    outcomes = lossy([300, 200, 100])
    above, below = advise(outcomes, 0.02), advise(outcomes, 0.6)
    assert (above.smallest, above.closest, below.smallest) == (None, 2, 0)
    assert (above.crossing.bits_per_pixel, above.crossing.reason) == (None, NOWHERE)
    assert (below.crossing.bits_per_pixel, below.crossing.reason) == (None, EVERYWHERE)
    assert (above.crossing.low, above.crossing.high, above.crossing.drop_at_high) == (pytest.approx(4), None, None)
    assert (below.crossing.low, below.crossing.high) == (None, pytest.approx(1))
    assert below.crossing.drop_at_high == pytest.approx(0.3)


def test_between_two_settings_the_bound_is_linear_in_log_rate():
    ends = DropAt(1, 0.3, 0.2, 0.4), DropAt(4, 0.1, 0.0, 0.2)
    assert advice.bounds_meet(ends, 1, 0.3) == pytest.approx((np.log10(2), np.log10(4)))
    assert advice.bounds_meet(ends, 0, 0.5) == pytest.approx((0, 0))
    assert advice.bounds_meet(ends, None, 0.1) == (np.inf, np.inf)


def test_there_are_always_resamples_enough_for_the_level(rng):
    found = advise(drawn(rng, 500), 0.1, resamples=1).crossing
    assert found.low < found.bits_per_pixel < found.high


def test_one_setting_is_enough_to_fit_or_not():
    fits, misfits = advise(lossy([10]), 0.05), advise(lossy([100]), 0.05)
    assert (fits.smallest, fits.crossing.reason, fits.crossing.high) == (0, EVERYWHERE, pytest.approx(1))
    assert (misfits.smallest, misfits.crossing.reason, misfits.crossing.high) == (None, NOWHERE, None)


def test_settings_of_one_rate_are_one_point_of_the_curve():
    apart = advise(lossy([300, 100, 0], rates=[1, 2, 4]), 0.1)
    tied = advise(lossy([300, 120, 80, 0], rates=[1, 2, 2, 4]), 0.1)
    assert apart.crossing.bits_per_pixel == pytest.approx(2)
    assert tied.crossing.bits_per_pixel == pytest.approx(2)
    assert tied.drops[tied.smallest].bits_per_pixel == 2


def test_a_curve_that_falls_is_pooled():
    # 0.3, then 0.1 and 0.2 that become 0.15 each: the budget of 0.15 is met where those begin.
    found = advise(lossy([300, 100, 200, 0]), 0.15)
    assert found.crossing.bits_per_pixel == pytest.approx(2)


def test_a_higher_level_claims_less(rng):
    outcomes = drawn(rng, 500)
    usual, sure = advise(outcomes, 0.1), advise(outcomes, 0.1, level=0.999)
    assert sure.crossing.low < usual.crossing.low < usual.crossing.high < sure.crossing.high
    assert all(wide.low < drop.low <= drop.high < wide.high for wide, drop in zip(sure.drops, usual.drops, strict=True))


@given(
    lost=st.lists(st.integers(0, 150), min_size=1, max_size=6),
    gained=st.integers(0, 40),
    budget=st.floats(0, 1),
    factor=st.floats(0.1, 10),
)
@example(lost=[44], gained=33, budget=0.14095751125081277, factor=1.0)  # the bootstrap alone would claim less
@settings(max_examples=60)
def test_what_holds_of_every_curve(lost, gained, budget, factor):
    outcomes = lossy(lost, gained=[gained] * len(lost), n=200)
    found = advise(outcomes, budget, resamples=50)
    rates = [drop.bits_per_pixel for drop in found.drops]
    high = found.crossing.high
    at = found.crossing.bits_per_pixel
    assert (high is None) == (found.smallest is None)
    assert at is None or (found.crossing.low or 0) <= at <= (high or np.inf) * (1 + 1e-9)
    if found.smallest is not None:
        assert all(drop.high <= budget for drop in found.drops[found.smallest :])
        # Never above the measured setting that fits, never at one below that does not.
        assert high <= rates[found.smallest] * (1 + 1e-9)
        assert found.smallest == 0 or high > rates[found.smallest - 1] * (1 - 1e-9)
        more = advise(outcomes, (1 + budget) / 2, resamples=50)
        assert more.crossing.high <= high * (1 + 1e-9)
    scaled = Outcomes(factor * outcomes.bits_per_pixel, outcomes.original, outcomes.compressed)
    assert (advise(scaled, budget, resamples=50).crossing.high or 0) == pytest.approx(factor * (high or 0))


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=5, max_size=5), min_size=1, max_size=4),
    st.lists(st.integers(1, 4), min_size=5, max_size=5),
)
def test_isotonic_is_scipys(rows, weights):
    from scipy.optimize import isotonic_regression

    for fitted, row in zip(advice.isotonic(rows, weights), rows, strict=True):
        assert fitted == pytest.approx(isotonic_regression(row, weights=weights).x, abs=1e-12)


@given(st.lists(st.floats(0.001, 0.2), min_size=2, max_size=8), st.floats(0, 1))
def test_crossings_are_where_scipy_solves_the_curve(gains, share):
    rates = np.log10(2.0) * np.arange(len(gains)) ** 1.5
    heights = np.round(np.cumsum(gains), 12)
    target = np.round(heights[0] + share * (heights[-1] - heights[0]), 12)
    (found,) = advice.crossings(rates, heights[None], np.array([target]))
    if target <= heights[0]:
        assert found == -np.inf
        return
    inside = PchipInterpolator(rates, heights).solve(target, extrapolate=False)
    assert found == pytest.approx(inside[0] if len(inside) else rates[-1], abs=1e-6)


def test_the_curve_is_the_one_of_bd_rates(rng):
    outcomes = drawn(rng, 60)
    accuracies = np.mean(outcomes.compressed, axis=1)
    expected = monotone(map(Point, RATES, accuracies))
    logs, groups = advice.same_rates(RATES)
    (curve,) = advice.curves_of(np.concatenate([[0.9], accuracies])[None], groups)
    assert 10**logs == pytest.approx([point.bits_per_pixel for point in expected])
    assert curve == pytest.approx([point.accuracy for point in expected])


def test_resampled_means_vary_as_samples_do_and_rows_share_them(rng):
    values = rng.random((2, 400)) < [[0.8], [0.3]]
    both = np.vstack([values, values[0]])
    means = advice.resampled_means(both, resamples=20_000)
    assert means.shape == (20_000, 3)
    assert (means[:, 0] == means[:, 2]).all()
    assert np.mean(means, axis=0) == pytest.approx(np.mean(both, axis=1), abs=0.001)
    assert np.cov(means.T)[:2, :2] == pytest.approx(np.cov(values, bias=True) / 400, rel=0.1, abs=5e-6)
    assert (means == advice.resampled_means(both, resamples=20_000)).all()


def test_resamples_keep_the_size_of_each_stratum(rng):
    strata = rng.integers(0, 5, 300)
    means = advice.resampled_means(np.stack([strata, rng.random(300)]), strata=strata, resamples=200)
    assert means[:, 0] == pytest.approx(np.full(200, strata.mean()))
    assert np.std(means[:, 1]) > 0


def test_many_kinds_of_samples_come_in_blocks(rng, monkeypatch):
    values = rng.random((1, 100))
    monkeypatch.setattr(advice, "MOST_AT_ONCE", 250)
    means = advice.resampled_means(values, resamples=999)
    assert np.std(means) == pytest.approx(np.std(values) / 10, rel=0.1)


@pytest.mark.parametrize(
    ("rates", "n", "shape", "strata"),
    [([], 3, (0, 3), None), ([1.0], 0, (1, 0), None), ([1.0], 3, (2, 3), None), ([1.0], 3, (1, 3), 2)],
)
def test_shapes_that_do_not_fit_are_refused(rates, n, shape, strata):
    groups = None if strata is None else np.zeros(strata)
    with pytest.raises(ValueError, match="Expected shapes"):
        Outcomes(np.array(rates), np.ones(n), np.ones(shape), groups)


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf])
def test_rates_that_are_none_are_refused(rate):
    with pytest.raises(ValueError, match="rates above 0"):
        Outcomes(np.array([rate]), np.ones(3), np.ones((1, 3)))


@pytest.mark.parametrize(("budget", "level"), [(2, 0.95), (np.nan, 0.95), (0.1, 1.0), (0.1, 0.0)])
def test_impossible_questions_are_refused(budget, level):
    with pytest.raises(ValueError, match="Expected a budget"):
        advise(lossy([1]), budget, level=level)
