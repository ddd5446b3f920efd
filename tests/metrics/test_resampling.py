"""Resamples: the same every time, within their strata, and what is computed of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.metrics import resampling
from suite.metrics.resampling import centred, computed, counts_of, ratio, resampled


def test_resamples_repeat_keep_their_strata_and_come_in_bounded_blocks(monkeypatch):
    strata = np.array(["b", "a", "b", "c", "b", "a"])
    monkeypatch.setattr(resampling, "MOST_AT_ONCE", 60)
    blocks = list(resampled(6, strata=strata, resamples=25))
    assert [block.shape for block in blocks] == [(10, 6), (10, 6), (5, 6)]
    assert all((np.sort(strata[block], axis=1) == np.sort(strata)).all() for block in blocks)
    again = list(resampled(6, strata=strata, resamples=25))
    assert all(np.array_equal(one, other) for one, other in zip(blocks, again, strict=True))
    assert len(np.unique(np.concatenate(blocks), axis=0)) > 15


def test_resamples_draw_every_sample_as_often():
    times = np.bincount(np.concatenate([block.ravel() for block in resampled(10, resamples=20_000)]))
    assert times == pytest.approx(np.full(10, 20_000), abs=700)  # five standard deviations


@given(st.integers(1, 30), st.integers(1, 20))
def test_counts_are_how_often_each_sample_is_drawn(n, resamples):
    drawn = next(resampled(n, resamples=resamples))
    expected = [[list(row).count(sample) for sample in range(n)] for row in drawn.tolist()]
    assert counts_of(drawn).tolist() == expected


@pytest.mark.parametrize(("n", "strata", "resamples"), [(0, None, 9), (3, [0, 1], 9), (3, None, 0)])
def test_samples_that_cannot_be_drawn_are_refused(n, strata, resamples):
    with pytest.raises(ValueError, match="Expected"):
        next(resampled(n, strata=strata, resamples=resamples))


def test_a_statistic_needs_a_finite_value_for_each_resample():
    counts = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
    assert computed(lambda rows: rows @ [0.0, 1.0], counts).tolist() == [1, 0, 2]
    with pytest.raises(ValueError, match="no value on 1 of 3 resamples"):
        computed(lambda rows: ratio(rows[:, 0], rows[:, 1]), counts)
    with pytest.raises(ValueError, match=r"\(3,\), but got \(\)"):
        computed(np.mean, counts)


def test_centred_values_have_the_measured_one_as_their_mean(rng):
    drawn = rng.normal(3, 1, 100)
    moved = centred(drawn, 2.5)
    assert moved.mean() == pytest.approx(2.5)
    assert np.ptp(moved - drawn) == pytest.approx(0, abs=1e-12)
