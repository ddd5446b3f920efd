import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from suite.metrics.stats import wilson


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


@pytest.mark.parametrize(("successes", "n", "level"), [(-1, 5, 0.95), (6, 5, 0.95), (2, 5, 1.0), (2, 5, 0.0)])
def test_wilson_refuses_what_cannot_be(successes, n, level):
    with pytest.raises(ValueError, match="Expected 0 <= successes <= n"):
        wilson(successes, n, level)
