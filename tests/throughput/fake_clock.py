"""A clock that stands still unless somebody moves it, and counts how often a device was waited for."""

from suite.throughput.timing import Stopwatch


class FakeClock:
    """``lag``: how long the device still works after a call has returned."""

    def __init__(self, lag=0.0):
        self.now, self.waits, self.lag = 0.0, 0, lag

    def wait(self):
        self.now += self.lag if self.waits % 2 else 0.0
        self.waits += 1

    @property
    def stopwatch(self):
        return Stopwatch(clock=lambda: self.now, synchronise=self.wait)
