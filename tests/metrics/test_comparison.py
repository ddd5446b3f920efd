"""Comparisons of two and more entries, against published examples, other libraries and simulations."""

from dataclasses import astuple
from functools import partial
from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from suite.metrics.comparison import (
    Difference,
    McNemar,
    holm,
    mcnemar_exact,
    minimum_detectable_effect,
    paired_bootstrap,
    paired_set_bootstrap,
    rank_intervals,
    tango,
    tie_groups,
    told_apart,
)
from suite.metrics.resampling import resampled
from suite.metrics.segmentation import mean_iou
from tests.metrics.simulated import segments

Z = NormalDist().inv_cdf(0.975)
tables = st.tuples(*[st.integers(0, 300)] * 4).filter(lambda table: sum(table) > 0)
"""How many samples both, only the first, only the second, and none of two entries has right."""


def right(both, only_first, only_second, neither):
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize(
    ("table", "p_value"),
    [
        ((20, 12, 2, 16), 0.0129),  # two media for one culture: Armitage and Berry 1994, page 127, by StatsDirect
        ((59, 6, 16, 80), 0.052479),  # Cavo et al. 2012, by Fagerland, Lydersen and Laake's R package contingencytables
        ((5, 0, 0, 5), 1.0),
    ],
)
def test_mcnemar_agrees_with_published_examples(table, p_value):
    found = mcnemar_exact(*right(*table))
    assert (found.only_first, found.only_second) == table[1:3]
    assert found.p_value == pytest.approx(p_value, abs=5e-5 if p_value == 0.0129 else 5e-7)


@given(tables)
def test_mcnemar_is_the_same_from_both_sides(table):
    first, second = right(*table)
    found, turned = mcnemar_exact(first, second), mcnemar_exact(second, first)
    assert turned == McNemar(found.only_second, found.only_first, found.p_value)
    assert 0 <= found.p_value <= 1
    assert mcnemar_exact(first, first) == McNemar(0, 0, 1.0)


def test_tango_agrees_with_a_published_example():
    """Cavo et al. 2012, by Fagerland, Lydersen and Laake's R package contingencytables: (59, 6, 16, 80)."""
    assert tango(6, 16, 161) == pytest.approx((-0.1240, -0.0054), abs=5e-5)


def test_tango_without_discordant_samples_still_has_an_extent():
    assert tango(0, 0, 50) == pytest.approx((-Z * Z / (50 + Z * Z), Z * Z / (50 + Z * Z)), abs=1e-12)
    assert tango(50, 0, 50)[1] == pytest.approx(1)


@given(tables)
def test_tango_holds_the_difference_and_turns_with_the_entries(table):
    _, only_first, only_second, _ = table
    n = sum(table)
    low, high = tango(only_first, only_second, n)
    assert -1 <= low <= high <= 1
    assert low - 1e-9 <= (only_first - only_second) / n <= high + 1e-9
    assert tango(only_second, only_first, n) == (-high, -low)


@given(tables)
def test_tango_leaves_out_zero_where_mcnemars_score_test_rejects(table):
    _, only_first, only_second, _ = table
    statistic = (only_first - only_second) ** 2 / max(1, only_first + only_second)
    assume(abs(statistic - Z * Z) > 1e-6)
    low, high = tango(only_first, only_second, sum(table))
    assert (low > 0 or high < 0) == (statistic > Z * Z)


@pytest.mark.parametrize(
    ("n", "only_first", "only_second"),
    [(526, 0.05, 0.03), (526, 0.01, 0.01), (526, 0.02, 0.002), (100, 0.15, 0.05), (50_000, 0.002, 0.001)],
)
def test_tango_covers_the_difference(rng, n, only_first, only_second):
    drawn = rng.multinomial(n, [only_first, only_second, 1 - only_first - only_second], 5000)[:, :2]
    seen, times = np.unique(drawn, axis=0, return_counts=True)
    ends = np.array([tango(int(one), int(other), n) for one, other in seen])
    covered = (ends[:, 0] <= only_first - only_second) & (only_first - only_second <= ends[:, 1])
    assert 0.93 < np.average(covered, weights=times) < 0.97


@pytest.mark.parametrize("counts", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="Expected counts of at most n > 0 samples"):
        tango(*counts)


def test_the_paired_bootstrap_agrees_with_scipy(rng):
    first, second = rng.normal(0.3, 1, 200), rng.normal(0, 1, 200)
    found = paired_bootstrap(first, second)
    expected = bootstrap(
        (first, second),
        lambda one, other, axis: np.mean(one, axis=axis) - np.mean(other, axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert found.value == pytest.approx(np.mean(first) - np.mean(second))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=40))
def test_the_paired_bootstrap_turns_with_the_entries(pairs):
    first, second = np.array(pairs).T
    found, turned = (paired_bootstrap(*each, resamples=199) for each in ((first, second), (second, first)))
    assert astuple(turned) == pytest.approx((-found.value, -found.high, -found.low, found.p_value), abs=1e-9)
    assert 0 < found.p_value <= 1
    assert paired_bootstrap(first, first, resamples=199) == Difference(0, 0, 0, 1)


@pytest.mark.parametrize("sizes", [None, (90, 30)])
def test_the_paired_bootstrap_covers_the_difference(rng, sizes):
    """Of correlated hits; with strata, of the mean over classes, whose difference is 0.1 in one and 0 in the other."""
    n = 120
    strata = None if sizes is None else np.repeat([0, 1], sizes)
    truth, gain = (0.1, 0.1) if sizes is None else (0.05, np.where(strata == 0, 0.1, 0.0))
    weights = np.ones(n) if sizes is None else n / (2 * np.repeat(sizes, sizes))
    covered, significant = [], []
    for _ in range(1000):
        level = rng.random(n)
        first, second = (level + rng.normal(0, 0.2, n) < 0.7), (level + rng.normal(0, 0.2, n) < 0.7)
        change = rng.random(n) < gain
        found = paired_bootstrap(weights * (first + 1.0 * change), weights * second, strata=strata, resamples=499)
        covered.append(found.low <= truth <= found.high)
        significant.append(found.p_value < 0.05)
        assert not significant[-1] or not found.low <= 0 <= found.high
    assert 0.93 < np.mean(covered) < 0.97
    assert any(significant)


def test_the_bootstrap_takes_any_statistic(rng):
    first, second = rng.normal(1, 1, 300), rng.normal(0, 1, 300)
    found = paired_bootstrap(first, second, lambda values: np.median(values, axis=-1))
    assert found.value == np.median(first) - np.median(second)
    assert found.low < 1 < found.high
    assert found.p_value == 2 / 5000


def test_of_means_the_two_paired_bootstraps_agree(rng):
    first, second = rng.normal(0.2, 1, 150), rng.normal(0, 1, 150)
    found = paired_set_bootstrap(lambda counts: counts @ first / 150, lambda counts: counts @ second / 150, n=150)
    expected = paired_bootstrap(first, second)
    assert found.value == pytest.approx(expected.value)
    spread = np.std(first - second) / sqrt(150)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.06 * spread)
    assert found.p_value == pytest.approx(expected.p_value, rel=0.2)


def test_the_difference_of_two_sets_turns_with_the_entries(rng):
    ease = rng.normal(0, 1, 60)
    first, second = (partial(mean_iou, segments(rng, 60, ease=ease, skill=skill)) for skill in (0.3, 0))
    found, turned = (paired_set_bootstrap(*each, n=60, resamples=499) for each in ((first, second), (second, first)))
    assert astuple(turned) == pytest.approx((-found.value, -found.high, -found.low, found.p_value), abs=1e-9)
    itself = np.ones((1, 60))
    assert found.value == pytest.approx((first(itself) - second(itself))[0])
    assert paired_set_bootstrap(first, first, n=60, resamples=499) == Difference(0, 0, 0, 1)


def test_the_difference_of_equally_good_sets_is_covered_and_a_large_one_is_found(rng):
    """Of mean IoU on 200 images; tests/benchmarks/interval_coverage.py has the mean average precision too."""
    covered, significant = [], []
    for _ in range(2000):
        ease = rng.normal(0, 0.7, 200)
        first, second = (partial(mean_iou, segments(rng, 200, ease=ease)) for _ in range(2))
        found = paired_set_bootstrap(first, second, n=200, resamples=399)
        covered.append(found.low <= 0 <= found.high)
        significant.append(found.p_value < 0.05)
    assert 0.93 < np.mean(covered) < 0.97
    assert 0.03 < np.mean(significant) < 0.07
    better = partial(mean_iou, segments(rng, 200, ease=ease, skill=0.5))
    assert paired_set_bootstrap(better, second, n=200).low > 0


def test_sets_without_a_value_are_refused():
    def first_image(counts):
        return np.where(counts[:, 0] > 0, 1.0, np.nan)

    with pytest.raises(ValueError, match="no value on"):
        paired_set_bootstrap(first_image, first_image, n=5)
    with pytest.raises(ValueError, match="Expected samples"):
        paired_set_bootstrap(first_image, first_image, n=5, strata=[0, 1])


def test_holm_agrees_with_a_computation_by_hand():
    """0.005 times 4, 0.01 times 3, 0.03 times 2, and 0.04 times 1 is less than what came before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_the_p_values_and_bonferronis(p_values):
    corrected = holm(p_values)
    assert (corrected >= p_values).all()
    assert (corrected <= np.minimum(1, np.array(p_values) * len(p_values))).all()
    assert (np.diff(corrected[np.argsort(p_values, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("p_values", [[-0.1], [1.1], [float("nan")], [[0.1]]])
def test_holm_refuses_what_is_no_p_value(p_values):
    with pytest.raises(ValueError, match="Expected p-values"):
        holm(p_values)


@given(st.integers(300, 100_000), st.floats(0.05, 0.5), st.sampled_from([0.5, 0.8, 0.9]))
def test_the_detectable_effect_takes_as_many_samples_as_there_are(n, rate, power):
    """Connor's formula the other way round: how many samples that effect takes."""
    effect = minimum_detectable_effect(n, rate, power=power)
    wanted = (Z * sqrt(rate) + NormalDist().inv_cdf(power) * sqrt(rate - effect**2)) ** 2 / effect**2
    assert wanted == pytest.approx(n, rel=1e-9)


def test_the_detectable_effect_is_found_as_often_as_promised(rng):
    effect = minimum_detectable_effect(526, 0.1)
    drawn = rng.multinomial(526, [(0.1 + effect) / 2, (0.1 - effect) / 2, 0.9], 20_000)
    rejected = (drawn[:, 0] - drawn[:, 1]) ** 2 > Z * Z * (drawn[:, 0] + drawn[:, 1])
    assert 0.78 < np.mean(rejected) < 0.82


@pytest.mark.parametrize(("n", "rate"), [(2, 0.5), (20, 0.05), (526, 0.0)])
def test_too_few_samples_find_no_effect(n, rate):
    assert minimum_detectable_effect(n, rate) is None


@pytest.mark.parametrize(
    ("pairs_that_differ", "groups"),
    [
        ([], (1, 1, 1, 1)),
        ([(0, 1), (0, 2), (0, 3)], (1, 2, 2, 2)),
        ([(0, 2), (0, 3), (1, 2), (1, 3)], (1, 1, 2, 2)),
        ([(0, 2), (0, 3), (1, 3)], (1, 1, 1, 1)),  # a chain: each is like its neighbour
        ([(0, 2), (1, 2), (1, 3)], (1, 1, 1, 1)),  # the first is like the last
        ([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], (1, 2, 3, 4)),
    ],
)
def test_groups_part_where_all_above_differ_from_all_below(pairs_that_differ, groups):
    matrix = np.zeros((4, 4), bool)
    for one, other in pairs_that_differ:
        matrix[one, other] = matrix[other, one] = True
    assert tie_groups(matrix) == groups


def test_groups_of_none_one_and_nonsense():
    assert tie_groups(np.zeros((0, 0))) == ()
    assert tie_groups([[False]]) == (1,)
    with pytest.raises(ValueError, match="symmetric"):
        tie_groups([[False, True], [False, False]])


def test_ranks_that_cannot_change_have_no_extent():
    assert rank_intervals([[0.3] * 20, [0.1] * 20, [0.2] * 20]) == ((3, 3), (1, 1), (2, 2))
    assert rank_intervals([[0.3] * 20, [0.1] * 20, [0.1] * 20]) == ((3, 3), (1, 1), (1, 1))


def test_rank_intervals_agree_with_a_plain_loop(rng):
    values = rng.normal([[0.0], [0.1], [0.5]], 1, (3, 60))
    ranks = []
    for drawn in (indices for block in resampled(60, resamples=400) for indices in block):
        means = values[:, drawn].mean(axis=1)
        ranks.append([1 + int(np.sum(means < mean)) for mean in means])
    ordered = np.sort(ranks, axis=0)
    expected = tuple((int(low), int(high)) for low, high in zip(ordered[9], ordered[389], strict=True))
    assert rank_intervals(values, resamples=400) == expected


def test_the_better_of_two_close_entries_may_be_the_second(rng):
    values = rng.normal([[0.0], [0.01], [3.0]], 1, (3, 100))
    assert rank_intervals(values) == ((1, 2), (1, 2), (3, 3))


@pytest.mark.parametrize("compare", [mcnemar_exact, paired_bootstrap])
@pytest.mark.parametrize(("first", "second"), [([], []), ([1, 0], [1]), ([[1]], [[1]])])
def test_entries_of_other_samples_are_refused(compare, first, second):
    with pytest.raises(ValueError, match="Expected two entries' values on the same samples"):
        compare(first, second)


def test_pairs_are_told_apart_as_the_paired_bootstrap_and_holm_do(rng):
    values = rng.random((5, 200)) + np.array([0, 0, 0.1, 0.13, 0.5])[:, None]
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    corrected = holm([paired_bootstrap(values[i], values[j]).p_value for i, j in pairs])
    found = told_apart(values)
    assert [bool(found[i, j]) for i, j in pairs] == [bool(p < 0.05) for p in corrected]
    assert np.array_equal(found, found.T)
    assert not found.diagonal().any()
    assert 0 < sum(found[i, j] for i, j in pairs) < len(pairs)


@pytest.mark.parametrize("values", [np.zeros(5), np.zeros((2, 0)), np.zeros((0, 5))])
def test_entries_without_samples_are_refused(values):
    with pytest.raises(ValueError, match=r"shape \(entries, n\)"):
        told_apart(values)
