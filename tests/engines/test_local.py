import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.engines import local


@settings(deadline=None, max_examples=30)
@given(count=st.integers(0, 40), workers=st.integers(1, 5))
def test_every_item_is_worked_on_once(count, workers):
    made = list(local.stream(lambda item: [(item, "a"), (item, "b")], range(count), workers=workers))
    assert sorted(made) == sorted((item, kind) for item in range(count) for kind in "ab")


def test_a_workers_results_stay_in_order():
    made = list(local.stream(lambda item: iter(range(item, item + 5)), [0, 10, 20], workers=1))
    assert made == [*range(5), *range(10, 15), *range(20, 25)]


def test_the_first_exception_reaches_the_caller_and_stops_the_others():
    seen = []

    def task(item):
        seen.append(item)
        if item == 3:
            raise ValueError("item 3")
        time.sleep(0.002)
        yield item

    with pytest.raises(ValueError, match="item 3"):
        list(local.stream(task, range(10_000), workers=2))
    assert len(seen) < 100


def test_workers_are_prepared_once_each_in_their_own_thread():
    prepared = []
    list(
        local.stream(lambda item: [item], range(50), workers=3, prepare=lambda: prepared.append(threading.get_ident()))
    )
    assert len(set(prepared)) == len(prepared) == 3


def test_closing_ends_the_threads_even_while_they_wait_to_hand_over():
    before = threading.active_count()
    stream = local.stream(lambda item: [item] * 100, range(1000), workers=4)
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_results_that_nobody_takes_do_not_pile_up():
    made = []

    def task(item):
        made.append(item)
        yield item

    stream = local.stream(task, range(1000), workers=2)
    next(stream)
    time.sleep(0.1)
    assert len(made) <= 1 + 2 * 2 + 2  # the one taken, a full queue, and one in each worker's hands
    stream.close()
