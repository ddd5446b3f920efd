"""The nearest rate against an exhaustive search."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.api import Setting
from suite.stages.rates import nearest

RATES = st.lists(st.floats(0.01, 10), min_size=1, max_size=60, unique=True).map(sorted)


def settings_of(rates):
    return [Setting("number", number) for number in range(len(rates))]


@given(rates=RATES, target=st.floats(0.001, 20))
def test_is_the_best_there_is_where_rates_grow(rates, target):
    found = nearest(settings_of(rates), lambda setting: rates[setting.value], target)
    assert abs(rates[found.value] - target) == min(abs(rate - target) for rate in rates)


@given(rates=st.lists(st.floats(0.01, 10), min_size=1, max_size=60), target=st.floats(0.01, 10))
def test_asks_for_few_rates_and_for_none_twice(rates, target):
    asked = []

    def rate(setting):
        asked.append(setting)
        return rates[setting.value]

    assert nearest(settings_of(rates), rate, target) in asked
    assert len(set(asked)) == len(asked) <= log2(len(rates)) + 3


@pytest.mark.parametrize(("target", "wins"), [(1.5, 0), (1.51, 1), (0.1, 0), (9, 2), (3.0, 1), (3.01, 2)])
def test_of_two_equally_near_the_lower_rate_wins(target, wins):
    rates = [1.0, 2.0, 4.0]
    assert nearest(settings_of(rates), lambda setting: rates[setting.value], target) == Setting("number", wins)
