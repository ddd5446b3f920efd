"""Figures by hand: the clock is a fake that only the timed calls move."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import UsageError
from suite.throughput.timing import WARM_UP_CALLS, Pace, Stopwatch, Timing, drift, relative, synchroniser, timed
from tests.throughput.fake_clock import FakeClock


def script(clock, durations):
    """Return a call that takes the given seconds, one after the other, and then the last for ever."""
    left = list(durations)

    def call():
        clock.now += left.pop(0) if len(left) > 1 else left[0]

    return call


def test_warm_up_is_not_counted():
    clock = FakeClock()
    call = script(clock, [50.0] * WARM_UP_CALLS + [0.25])
    found = timed(call, images=2, pace=Pace(seconds=1.0, repeats=2), stopwatch=clock.stopwatch)
    assert found == Timing(2, ((0.25,) * 4, (0.25,) * 4))
    assert found.rate == 8.0


def test_the_warm_up_takes_its_time_too():
    clock = FakeClock()
    durations = [0.25, 0.25, 0.25, 0.25, 0.5]  # 1 s of warm-up is four calls, more than the least number of them
    found = timed(script(clock, durations), images=1, pace=Pace(seconds=2.0, repeats=1), stopwatch=clock.stopwatch)
    assert found.repeats == ((0.5,) * 4,)


def test_every_call_waits_for_the_device_before_and_after():
    clock = FakeClock()
    calls = []

    def call():
        calls.append(clock.waits)
        clock.now += 0.5

    found = timed(call, images=1, pace=Pace(seconds=1.0, repeats=3), stopwatch=clock.stopwatch)
    assert found.calls == 6
    assert calls == list(range(1, 2 * len(calls), 2))
    assert clock.waits == 2 * len(calls)


def test_work_that_is_still_queued_when_a_call_returns_counts():
    clock = FakeClock(lag=0.3)
    found = timed(script(clock, [0.2]), images=1, pace=Pace(seconds=0.4, repeats=1), stopwatch=clock.stopwatch)
    assert found.repeats[0] == pytest.approx([0.5])


def test_the_spread_is_that_of_the_repeats():
    timing = Timing(4, ((1.0, 1.0), (0.5, 0.5), (2.0, 2.0)))
    measure = timing.images_per_second("rate")
    assert (measure.value, measure.low, measure.high) == (4.0, 2.0, 8.0)
    cost = timing.milliseconds_per_image("cost")
    assert (cost.value, cost.low, cost.high) == (250.0, 125.0, 500.0)


def test_percentiles_are_over_all_calls_and_their_spread_over_repeats():
    first, second = tuple(n / 1000 for n in range(1, 51)), tuple(n / 1000 for n in range(51, 102))
    measure = Timing(1, (first, second)).latency_ms("p50", 50)
    assert (measure.value, measure.low, measure.high) == pytest.approx((51.0, 25.5, 76.0))
    assert Timing(1, (first, second)).latency_ms("p99", 99).value == pytest.approx(100.0)


def test_a_ratio_is_over_the_mean_of_before_and_after_with_the_widest_spread():
    own = Timing(1, ((0.1,), (0.125,), (0.2,)))
    before, after = Timing(1, ((0.25,), (0.5,))), Timing(1, ((0.2,), (0.2,)))
    ratio = relative("r", own, (before, after))
    assert ratio.value == pytest.approx(8 / 4)  # medians: before 3, after 5 images/s
    assert (ratio.low, ratio.high) == pytest.approx((5 / 5, 10 / 2))


@given(st.floats(0.001, 10), st.floats(0.001, 10))
def test_drift_does_not_depend_on_the_direction(first, second):
    before, after = Timing(1, ((first,),)), Timing(1, ((second,),))
    assert drift(before, after) == drift(after, before) == pytest.approx(max(first, second) / min(first, second) - 1)


@pytest.mark.parametrize("pace", [Pace(0.0, 5), Pace(-1.0, 5), Pace(float("nan"), 5), Pace(1.0, 0)])
def test_a_pace_that_times_nothing_is_refused(pace):
    with pytest.raises(UsageError, match="a time above 0 and one repeat or more"):
        pace.checked()


def test_a_cpu_is_never_behind():
    assert Stopwatch(clock=lambda: 1.0, synchronise=synchroniser("cpu")).time(lambda: None) == 0.0


def test_a_gpu_is_waited_for(monkeypatch):
    torch = pytest.importorskip("torch")
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    Stopwatch(clock=lambda: 0.0, synchronise=synchroniser("cuda:1")).time(lambda: waited.append("call"))
    assert waited == ["cuda:1", "call", "cuda:1"]
