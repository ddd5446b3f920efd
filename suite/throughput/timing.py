"""Timed calls: warmed up, synchronised, of a minimum duration, repeated. Nothing in here knows a model or a codec.

The clock and the synchroniser come from outside, so that every figure can be computed by hand in a test.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import fsum
from statistics import fmean, median
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from suite.errors import UsageError
from suite.spec import Measure

Call: TypeAlias = Callable[[], object]
WARM_UP_CALLS = 3


def nothing() -> None:
    """Wait for a device that is never behind: the CPU."""


class Pace(NamedTuple):
    """How long to time: ``repeats`` repeats, each of so many ``seconds`` inside the calls at least.

    ``warm_up_calls`` is how many calls come before at least.
    """

    seconds: float = 1.0
    repeats: int = 5
    warm_up_calls: int = WARM_UP_CALLS

    @property
    def trial(self) -> Pace:
        """The pace at which to compare ways of running one thing: a repeat each."""
        return self._replace(repeats=1, warm_up_calls=1)

    @property
    def warm_up_seconds(self) -> float:
        """How long the calls before the first repeat take at least."""
        return self.seconds / 2

    def checked(self) -> Pace:
        """Return this. Raises UsageError unless there is something to time."""
        if not self.seconds > 0 or self.repeats < 1:
            raise UsageError(
                f"Expected a time above 0 and one repeat or more, but got {self.seconds} s and {self.repeats} repeats."
            )
        return self


class EnergyCounter(Protocol):
    """Counts the energy that a device has used."""

    @property
    def shortest_s(self) -> float:
        """The least seconds over which a difference means something."""

    def joules(self) -> float | None:
        """Return the joules used since a moment that is nobody's concern; None where they cannot be read."""


@dataclass(frozen=True)
class Stopwatch:
    """A clock in seconds, what waits until the device has nothing left to do, and its energy counter if it has one."""

    clock: Callable[[], float] = time.perf_counter
    synchronise: Callable[[], None] = nothing
    counter: EnergyCounter | None = None

    def time(self, call: Call) -> float:
        """Return the seconds that ``call`` takes, from an idle device to an idle device."""
        self.synchronise()
        begin = self.clock()
        call()
        self.synchronise()
        return self.clock() - begin

    def joules(self) -> float | None:
        """Return what the energy counter says once the device is idle; None without one."""
        if self.counter is None:
            return None
        self.synchronise()
        return self.counter.joules()

    def energy(self, before: float | None, repeats: Sequence[Sequence[float]]) -> float | None:
        """Return the joules used since it was at ``before``; None where ``repeats`` were too short to say."""
        after = self.joules()
        if self.counter is None or before is None or after is None or after <= before:  # a counter can begin anew
            return None
        return after - before if fsum(map(fsum, repeats)) >= self.counter.shortest_s else None


def synchroniser(device: str) -> Callable[[], None]:
    """Return what waits for ``device`` (``"cpu"`` or ``"cuda:N"``)."""
    if device == "cpu":
        return nothing
    import torch

    return partial(torch.cuda.synchronize, device)


class Timing(NamedTuple):
    """The seconds of every call, repeat by repeat; a call does ``images`` images.

    ``joules`` is what the device used meanwhile, None where that is not known.
    """

    images: int
    repeats: tuple[tuple[float, ...], ...]
    joules: float | None = None

    @property
    def rates(self) -> list[float]:
        """Images a second of each repeat, over the time inside the calls."""
        return [self.images * len(calls) / fsum(calls) for calls in self.repeats]

    @property
    def rate(self) -> float:
        """Images a second: the median over the repeats."""
        return median(self.rates)

    @property
    def calls(self) -> int:
        """How many calls were timed."""
        return sum(map(len, self.repeats))

    def images_per_second(self, name: str) -> Measure:
        """Return `rate` with the slowest and the fastest repeat."""
        return spread(name, self.rates)

    def milliseconds_per_image(self, name: str) -> Measure:
        """Return the median over the repeats, with the fastest and the slowest."""
        return spread(name, [1000 / rate for rate in self.rates])

    def joules_per_image(self, name: str) -> Measure | None:
        """Return the energy an image took over all repeats, if it is known."""
        return None if self.joules is None else Measure(name=name, value=self.joules / (self.images * self.calls))

    def latency_ms(self, name: str, percentile: float) -> Measure:
        """Return a percentile over all calls (interpolated linearly), with the lowest and highest of a repeat's own."""
        whole, *own = (
            1000 * float(np.percentile(calls, percentile))
            for calls in ([call for calls in self.repeats for call in calls], *self.repeats)
        )
        return Measure(name=name, value=whole, low=min(own), high=max(own))


def spread(name: str, values: Sequence[float]) -> Measure:
    """Return the median of repeats, with the lowest and the highest."""
    return Measure(name=name, value=median(values), low=min(values), high=max(values))


def timed(call: Call, *, images: int, pace: Pace, stopwatch: Stopwatch) -> Timing:
    """Warm up, then time ``call``, which does ``images`` images each time."""
    calls_of(call, pace.warm_up_seconds, stopwatch, at_least=pace.warm_up_calls)
    before = stopwatch.joules()
    repeats = tuple(calls_of(call, pace.seconds, stopwatch) for _ in range(pace.repeats))
    return Timing(images, repeats, stopwatch.energy(before, repeats))


def calls_of(call: Call, seconds: float, stopwatch: Stopwatch, *, at_least: int = 1) -> tuple[float, ...]:
    """Return the seconds of each call, until there are ``at_least`` so many and they took ``seconds`` together."""
    calls: list[float] = []
    total = 0.0
    while len(calls) < at_least or total < seconds:
        calls.append(stopwatch.time(call))
        total += calls[-1]
    return tuple(calls)


def relative(name: str, own: Timing, references: Sequence[Timing]) -> Measure:
    """Return a rate over the reference's (the mean of its timings).

    Low and high are the worst and the best that the repeats allow: slowest over fastest, fastest over slowest.
    """
    of_reference = [rate for timing in references for rate in timing.rates]
    return Measure(
        name=name,
        value=own.rate / fmean(timing.rate for timing in references),
        low=min(own.rates) / max(of_reference),
        high=max(own.rates) / min(of_reference),
    )


def drift(before: Timing, after: Timing) -> float:
    """Return by which fraction the faster of two timings of one thing exceeds the slower."""
    return max(before.rate, after.rate) / min(before.rate, after.rate) - 1
