"""What all rows of one run share: how it times, on what, and where it stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from suite import environment
from suite.db.records import Throughput
from suite.db.store import Store
from suite.environment import cores
from suite.lineup import LiveTrack
from suite.progress import Progress
from suite.spec import ProtocolSpec, Value
from suite.throughput.energy import counter_of
from suite.throughput.memory import meter_of
from suite.throughput.timing import Pace, Stopwatch
from suite.tuning import CPU_BATCHES, GPU_BATCHES


class Session:
    """One run on one device. ``hint`` is the command of the accuracy run that timings are checked against."""

    def __init__(
        self,
        spec: ProtocolSpec,
        store: Store,
        *,
        device: str,
        pace: Pace,
        stopwatch: Stopwatch,
        progress: Progress,
        hint: str,
    ) -> None:
        self.spec = spec
        self.store = store
        self.device = device
        self.pace = pace
        metered = counter_of(device, stopwatch.clock)
        self.stopwatch = replace(stopwatch, counter=metered.counter)
        self.energy = metered.what
        self.progress = progress
        self.hint = hint
        self.meter = meter_of(device)
        self.batches = CPU_BATCHES if device == "cpu" else (1, *GPU_BATCHES)
        self.threads = cores() if device == "cpu" else 1
        self.statuses: list[str] = []
        self.environment = ""
        self.run = 0

    def begin(self, command: Sequence[str]) -> None:
        """Record the protocol, this environment, and that a run starts."""
        self.store.record_protocol(self.spec)
        self.environment = self.store.record_environment(environment.record(self.device))
        self.run = self.store.begin_run(command)

    def settings(self, **more: Value) -> dict[str, Value]:
        """Return how this session times, with what is particular to one row."""
        return {
            "device": self.device,
            "precision": self.spec.precision,
            "tf32": self.spec.tf32,
            "seconds": self.pace.seconds,
            "repeats": self.pace.repeats,
            "warm_up_seconds": self.pace.warm_up_seconds,
            **more,
        }

    def record(self, track: LiveTrack, timed: Throughput) -> None:
        """Store a row."""
        loaded = (track.dataset, *track.codecs.values(), *track.models.values(), *track.mitigations.values())
        cards = {item.ref: item.card for item in loaded if item.card}
        self.store.record_throughput(timed, run=self.run, environment=self.environment, cards=cards)
        self.statuses.append(timed.status)
        self.progress.advance(1)
