"""Rate-accuracy summaries against known answers, the classic polynomial of VCEG-M33, and scikit-learn."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from suite.metrics import rate
from suite.metrics.rate import Point, Range, area, bd_accuracy, bd_rate_percent, common_rates, monotone, pooled, rising

RATES = (0.25, 0.5, 1.0, 2.0)
ACCURACIES = (0.5, 0.7, 0.8, 0.84)

# Bit rate and PSNR of two coders: the example of github.com/Anserw/Bjontegaard_metric, and the library's own.
PUBLISHED = [
    (
        ([686.76, 309.58, 157.11, 85.95], [40.28, 37.18, 34.24, 31.42]),
        ([893.34, 407.8, 204.93, 112.75], [40.39, 37.21, 34.17, 31.24]),
    ),
    (
        ([9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851]),
        ([9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987]),
    ),
]


def curve(rates=RATES, accuracies=ACCURACIES):
    return [Point(*each) for each in zip(rates, accuracies, strict=True)]


def scaled(points, factor):
    return [Point(factor * each.bits_per_pixel, each.accuracy) for each in points]


def raised(points, by):
    return [Point(each.bits_per_pixel, each.accuracy + by) for each in points]


def mean_of_cubics(x, y, other_x, other_y):
    """Return by how much the cubic through the other points is above the first over the common x (VCEG-M33)."""
    low, high = max(min(x), min(other_x)), min(max(x), max(other_x))
    integrals = [np.polyint(np.polyfit(*points, 3)) for points in ((x, y), (other_x, other_y))]
    first, second = (np.polyval(each, high) - np.polyval(each, low) for each in integrals)
    return (second - first) / (high - low)


@st.composite
def curves(draw, least=4):
    """Curves that rise by at least a thousandth from one setting to the next, 1 % or more apart in rate."""
    count = draw(st.integers(least, 9))
    steps = st.lists(st.floats(0.005, 0.5), min_size=count, max_size=count)
    gains = st.lists(st.floats(0.001, 0.1), min_size=count, max_size=count)
    return curve(0.1 * 10 ** np.cumsum(draw(steps)), np.cumsum(draw(gains)))


noisy = st.lists(
    st.builds(Point, st.integers(1, 30).map(lambda n: n / 10), st.integers(0, 20).map(lambda n: n / 20)),
    min_size=1,
    max_size=12,
)


def test_a_curve_differs_from_itself_by_nothing():
    assert bd_rate_percent(curve(), curve()).value == 0
    assert bd_accuracy(curve(), curve()).value == 0


@pytest.mark.parametrize(("factor", "percent"), [(2, 100), (0.5, -50), (1.1, 10)])
def test_every_rate_multiplied_is_that_much_bd_rate(factor, percent):
    found = bd_rate_percent(curve(), scaled(curve(), factor))
    assert found.value == pytest.approx(percent, abs=1e-9)
    assert found.over == (0.5, 0.84)


def test_accuracy_shifted_is_that_much_bd_accuracy():
    found = bd_accuracy(curve(), raised(curve(), 0.05))
    assert found.value == pytest.approx(0.05, abs=1e-12)
    assert found.over == Range(0.25, 2)


def test_log_linear_curves_have_their_analytic_summaries():
    # 0.4 + 0.1 log2(rate / 0.25), and one that needs 2^0.5 times the rate for the same.
    reference = curve(RATES, (0.4, 0.5, 0.6, 0.7))
    tested = curve(RATES, (0.35, 0.45, 0.55, 0.65))
    assert area(reference).value == pytest.approx(0.55)
    assert area(reference, Range(0.5, 1)).value == pytest.approx(0.55)
    assert area(reference, Range(1, 2)) == rate.Summary(pytest.approx(0.65), Range(1, 2))
    assert bd_accuracy(reference, tested).value == pytest.approx(-0.05)
    assert bd_rate_percent(reference, tested).value == pytest.approx(100 * (2**0.5 - 1))
    assert bd_rate_percent(reference, tested).over == (0.4, 0.65)


@pytest.mark.parametrize(("reference", "tested"), PUBLISHED)
def test_published_curves_agree_with_the_classic_polynomial(reference, tested):
    (rates, psnr), (other_rates, other_psnr) = reference, tested
    logs, other_logs = np.log10(rates), np.log10(other_rates)
    classic_rate = 100 * (10 ** mean_of_cubics(psnr, logs, other_psnr, other_logs) - 1)
    classic_psnr = mean_of_cubics(logs, psnr, other_logs, other_psnr)
    assert bd_rate_percent(curve(*reference), curve(*tested)).value == pytest.approx(classic_rate, rel=0.02)
    assert bd_accuracy(curve(*reference), curve(*tested)).value == pytest.approx(classic_psnr, rel=0.02)


@given(curves(), curves())
def test_bd_accuracy_is_the_difference_of_two_areas(reference, tested):
    found = bd_accuracy(reference, tested)
    if found.value is None:
        assert "share" in found.reason
        return
    assert found.value == pytest.approx(area(tested, found.over).value - area(reference, found.over).value, abs=1e-9)


@given(curves(), curves(), st.randoms())
def test_the_order_of_points_is_nothing(reference, tested, random):
    shuffled = [random.sample(points, len(points)) for points in (reference, tested)]
    for compute in (bd_rate_percent, bd_accuracy):
        assert compute(*shuffled) == compute(reference, tested)
    assert area(shuffled[0]) == area(reference)


@given(curves(), curves(), st.floats(0.01, 100))
def test_rates_of_both_in_another_unit_change_nothing(reference, tested, factor):
    for compute in (bd_rate_percent, bd_accuracy):
        before, after = compute(reference, tested), compute(scaled(reference, factor), scaled(tested, factor))
        assert after.reason == before.reason
        assert after.value == (before.value and pytest.approx(before.value, rel=1e-6, abs=1e-6))


@given(curves(), curves())
def test_the_reference_and_the_tested_change_places(one, other):
    there, back = bd_accuracy(one, other), bd_accuracy(other, one)
    assert back.over == there.over
    assert back.value == (there.value and pytest.approx(-there.value, abs=1e-12))
    there, back = bd_rate_percent(one, other), bd_rate_percent(other, one)
    assert (there.value is None) == (back.value is None)
    if there.value is not None:
        assert (1 + there.value / 100) * (1 + back.value / 100) == pytest.approx(1)


@given(noisy)
def test_a_curve_is_made_monotone_as_scikit_learn_does_it(points):
    rates, accuracies = zip(*points, strict=True)
    fitted = IsotonicRegression(out_of_bounds="nan").fit(np.log10(rates), accuracies)
    found = monotone(points)
    assert [each.bits_per_pixel for each in found] == pytest.approx(sorted(set(rates)))
    assert [each.accuracy for each in found] == pytest.approx(list(fitted.predict(np.log10(sorted(set(rates))))))
    assert [each.accuracy for each in monotone(found)] == pytest.approx([each.accuracy for each in found])


def test_the_points_that_were_moved_are_counted():
    assert pooled(curve()) == pooled([]) == 0
    assert pooled(curve(accuracies=(0.7, 0.7, 0.7, 0.7))) == 0
    assert pooled(curve(accuracies=(0.5, 0.8, 0.6, 0.84))) == 2
    assert pooled([*curve(), Point(2.0, 0.9)]) == 2


def test_a_curve_that_falls_is_summed_up_as_its_isotonic_one():
    falling = curve((0.2, 0.4, 0.8, 1.6, 3.2, 6.4), (0.4, 0.6, 0.5, 0.7, 0.75, 0.8))
    isotonic = curve((0.2, 0.4, 0.8, 1.6, 3.2, 6.4), (0.4, 0.55, 0.55, 0.7, 0.75, 0.8))
    reference = curve((0.2, 0.4, 0.8, 1.6, 3.2), (0.35, 0.5, 0.6, 0.65, 0.7))
    assert list(monotone(falling)) == [Point(x, pytest.approx(y)) for x, y in isotonic]
    for compute in (bd_rate_percent, bd_accuracy):
        assert compute(reference, falling).value == pytest.approx(compute(reference, isotonic).value)
        assert compute(reference, falling).value != pytest.approx(compute(reference, reference).value)
    assert area(falling).value == pytest.approx(area(isotonic).value)


def test_points_of_one_rate_are_averaged():
    assert monotone([Point(1, 0.5), Point(1, 0.75), Point(2, 0.9)]) == ((1, 0.625), (2, 0.9))
    # Three points pooled, each of equal weight: (0.8 + 0.8 + 0.5) / 3.
    assert [each.accuracy for each in monotone([Point(1, 0.8), Point(1, 0.8), Point(2, 0.5)])] == pytest.approx(
        [0.7] * 2
    )


def test_a_stretch_of_one_accuracy_is_one_point_of_the_bd_rate():
    levels = curve((0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4), (0.2, 0.2, 0.5, 0.5, 0.6, 0.7, 0.7))
    rates, accuracies = zip(*rising(levels), strict=True)
    assert rates == pytest.approx((0.2, 0.32**0.5, 1.6, 3.2))
    assert accuracies == pytest.approx((0.2, 0.5, 0.6, 0.7))


@given(curves(), st.lists(st.floats(1.1, 8), max_size=4), st.lists(st.floats(0.1, 0.9), max_size=4))
def test_bits_that_buy_nothing_leave_the_bd_rate_alone(points, above, below):
    first, last = points[0], points[-1]
    saturated = [Point(last.bits_per_pixel * factor, last.accuracy) for factor in above]
    at_chance = [Point(first.bits_per_pixel * factor, first.accuracy) for factor in below]
    found = bd_rate_percent(scaled(points, 0.5), [*points, *saturated, *at_chance])
    assert found.value == pytest.approx(100)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([], "the curve has 0 different rates; at least 4 are needed"),
        (curve()[:3], "the curve has 3 different rates; at least 4 are needed"),
        (curve((1, 1, 2, 3)), "the curve has 3 different rates; at least 4 are needed"),
        (scaled(curve(), 100), "the two share 0% of their range of rates; at least 25% is needed"),
        (scaled(curve(), 5), "the two share 13% of their range of rates; at least 25% is needed"),
    ],
)
def test_rates_that_cannot_be_compared_have_no_bd_accuracy(points, reason):
    found = bd_accuracy(curve(), points)
    assert (found.value, found.over, found.reason) == (None, None, reason)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (curve(accuracies=(0.5, 0.8, 0.8, 0.84)), "the curve has 3 different accuracies; at least 4 are needed"),
        (curve(accuracies=(0.8, 0.7, 0.6, 0.5)), "the curve has 1 different accuracies; at least 4 are needed"),
        (raised(curve(), 0.4), "the two share 0% of their range of accuracies; at least 25% is needed"),
        (raised(curve(), 0.3), "the two share 6% of their range of accuracies; at least 25% is needed"),
    ],
)
def test_accuracies_that_cannot_be_compared_have_no_bd_rate(points, reason):
    found = bd_rate_percent(curve(), points)
    assert (found.value, found.over, found.reason) == (None, None, reason)


def test_the_reference_is_named_where_it_is_at_fault():
    assert bd_accuracy(curve()[:2], curve()).reason.startswith("the reference has 2")
    assert bd_rate_percent([], curve()).reason.startswith("the reference has 0")


def test_an_area_is_over_rates_that_were_measured():
    assert area([]).reason == "an area takes 2 rates, not 0"
    assert area(curve()[:1]).reason == "an area takes 2 rates, not 1"
    assert area(curve()[:2]).over == (0.25, 0.5)
    beyond = area(curve(), Range(0.25, 2.5))
    assert (beyond.value, beyond.reason) == (
        None,
        "its rates, 0.250 to 2.000 bpp, do not reach over 0.250 to 2.500 bpp",
    )


def test_the_rates_that_curves_have_in_common():
    assert common_rates([curve(), scaled(curve(), 2), curve()[:1]]) == Range(0.5, 2)
    assert common_rates([curve(), scaled(curve(), 8)]) is None
    assert common_rates([]) is None
    assert common_rates([curve()[:1]]) is None


@pytest.mark.parametrize("point", [Point(0, 0.5), Point(-1, 0.5), Point(1, float("nan")), Point(float("inf"), 0.5)])
def test_what_is_no_rate_or_no_accuracy_is_refused(point):
    with pytest.raises(ValueError, match="Expected finite accuracies at finite rates above 0"):
        monotone([*curve(), point])


@given(noisy, noisy)
def test_whatever_was_measured_there_is_a_number_or_a_reason_and_no_warning(reference, tested):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for found in (area(tested), bd_rate_percent(reference, tested), bd_accuracy(reference, tested)):
            assert (found.value is None) == bool(found.reason) == (found.over is None)
            assert found.value is None or np.isfinite(found.value)


def test_the_library_is_imported_when_it_is_needed_and_a_notebooks_backend_does_not_matter():
    code = """
import sys
from suite.metrics.rate import Point, bd_rate_percent, method
print({"scipy", "matplotlib", "bjontegaard"} & set(sys.modules))
points = [Point(2 ** n, n / 4) for n in range(4)]
print(bd_rate_percent(points, points).value, method())
"""
    notebook = os.environ | {"MPLBACKEND": "module://a_notebooks.backend"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=notebook, check=True, capture_output=True, text=True)
    before, after = done.stdout.splitlines()
    assert before == "set()"
    assert after.startswith("0.0 bjontegaard 1.")
    assert after.endswith(", pchip over log10 bits per pixel")
