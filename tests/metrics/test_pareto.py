"""The Pareto front by its definition, and in two respects against a sweep from left to right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.metrics.pareto import nondominated

POINTS = st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=30)


def dominates(one, other):
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@given(POINTS)
def test_nothing_on_the_front_is_dominated_and_all_else_is_by_something_on_it(points):
    front = [point for point, best in zip(points, nondominated(points), strict=True) if best]
    assert front
    for point, best in zip(points, nondominated(points), strict=True):
        assert best is np.False_ or not any(dominates(other, point) for other in points)
        assert best or any(dominates(other, point) for other in front)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=40, unique=True))
def test_in_two_respects_a_sweep_finds_the_same(points):
    least, swept = float("inf"), set()
    for point in sorted(points):
        if point[1] < least:
            least = point[1]
            swept.add(point)
    assert {point for point, best in zip(points, nondominated(points), strict=True) if best} == swept


def test_equal_points_all_stay():
    assert nondominated([[1, 2], [1, 2], [2, 2], [0, 3]]).tolist() == [True, True, False, True]


def test_without_points_there_is_no_front():
    assert nondominated(np.empty((0, 3))).tolist() == []


@pytest.mark.parametrize("costs", [[1.0, 2.0], [[1.0, float("nan")]]])
def test_what_cannot_be_compared_is_refused(costs):
    with pytest.raises(ValueError, match="Expected known costs"):
        nondominated(costs)
