"""One entry on a few images: what a timed call does, which batch is best, and what the calls answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import NamedTuple

from suite.api import Frame, FrameInfo, Image, LayoutChoice, Prediction
from suite.players import Player
from suite.spec import Measure
from suite.stages.codec_stage import Original, Seen, as_original
from suite.stages.model_stage import fitted, out_of_memory, restored
from suite.throughput.memory import MIB, Meter
from suite.throughput.timing import Call, Pace, Stopwatch, Timing, drift, relative, timed

PERCENTILES = (50, 95, 99)


@dataclass
class Turn:
    """A batch that is timed again and again: the images' numbers, what goes in, and what last came out."""

    numbers: tuple[int, ...]
    frames: list[Frame]
    images: list[Image]
    infos: list[FrameInfo]
    answers: Sequence[Prediction] | None = None


class Answered(NamedTuple):
    """The numbers of a batch's images, and what the model said of each."""

    numbers: tuple[int, ...]
    answers: Sequence[Prediction]


class Speed(NamedTuple):
    """An entry at batch 1, if it can do that, and at its best batch; one timing is both where the best batch is 1."""

    single: Timing | None
    best: Timing


class Bench:
    """A loaded player and the frames that it is timed on.

    A timed call restores a batch of frames, then predicts on images that were restored and brought to the model's
    geometry before: restoration and network count, the resize on the CPU does not.
    ``geometry_first``: whether the model's geometry comes before everything else, as the protocol's order may say.
    ``excuse`` says why nothing can be timed at batch 1, empty where it can.
    """

    excuse = ""

    def __init__(self, player: Player, originals: Sequence[Original], *, geometry_first: bool) -> None:
        self.player = player
        self.frames = [frame_of(player, original, geometry_first=geometry_first) for original in originals]
        images = restored(player.restoration, self.frames)
        self.images = images if geometry_first else fitted(player.model, images)
        self.turns: dict[int, list[Turn]] = {}
        self.layout = ""

    def call(self, batch: int) -> Call:
        """Return what is timed at one batch size: each call takes the next images, from the first on."""
        turns = cycle(self.turns.setdefault(batch, list(self._turns(batch))))
        restore, predict = self.player.restoration.restore, self.player.model.predict

        def call() -> None:
            turn = next(turns)
            restore(turn.frames)
            turn.answers = list(predict(turn.images, turn.infos))

        return call

    def _turns(self, batch: int) -> Iterator[Turn]:
        count = len(self.frames)
        for start in range(0, count, batch):
            numbers = tuple((start + place) % count for place in range(batch))
            frames = [self.frames[number] for number in numbers]
            yield Turn(numbers, frames, [self.images[number] for number in numbers], [frame.info for frame in frames])

    def use(self, layout: str) -> None:
        """Run in that memory layout from now on, where the model has a choice."""
        self.layout = layout
        if layout and isinstance(self.player.model, LayoutChoice):
            self.player.model.use_layout(layout)

    def possible(self, batches: Sequence[int]) -> Sequence[int]:
        """Return those of ``batches`` that can be timed if memory suffices."""
        return batches

    def forget(self) -> None:
        """Forget what came out so far: what was only tried is not held against the entry."""
        self.turns.clear()

    def answered(self) -> list[Answered]:
        """Return the last answers of every batch that was timed, at any batch size."""
        turns = (turn for turns in self.turns.values() for turn in turns)
        return [Answered(turn.numbers, turn.answers) for turn in turns if turn.answers is not None]


def frame_of(player: Player, original: Original, *, geometry_first: bool) -> Frame:
    """Return an original as a restoration receives it."""
    image = player.model.geometry(original.image) if geometry_first else original.image
    return as_original(Seen(image, original)).frame


def choose(bench: Bench, batches: Sequence[int], pace: Pace, stopwatch: Stopwatch) -> int:
    """Set the fastest layout and return the fastest batch, from one repeat each; what does not fit is slowest."""
    batches, layouts = bench.possible(batches), layouts_of(bench.player)

    @cache
    def rate(layout: str, batch: int) -> float:
        bench.use(layout)
        return rate_if_it_fits(bench, batch, pace.trial, stopwatch)

    middle = batches[len(batches) // 2]
    layout = max(layouts, key=lambda layout: rate(layout, middle)) if len(layouts) > 1 else layouts[0]
    best = max(batches, key=lambda batch: rate(layout, batch)) if len(batches) > 1 else batches[0]
    bench.use(layout)
    bench.forget()
    return best


def layouts_of(player: Player) -> Sequence[str]:
    """Return the layouts that a model can run in; one without a name where it has no choice."""
    return player.model.layouts if isinstance(player.model, LayoutChoice) else [""]


def rate_if_it_fits(bench: Bench, batch: int, pace: Pace, stopwatch: Stopwatch) -> float:
    """Return images a second, 0 where the accelerator's memory does not suffice."""
    try:
        return timed(bench.call(batch), images=batch, pace=pace, stopwatch=stopwatch).rate
    except Exception as error:
        if not out_of_memory(error):
            raise
        return 0.0


def speed_of(bench: Bench, batch: int, pace: Pace, stopwatch: Stopwatch) -> Speed:
    """Time an entry at batch 1 and at ``batch``."""
    bench.use(bench.layout)
    single = None if bench.excuse else timed(bench.call(1), images=1, pace=pace, stopwatch=stopwatch)
    if single and batch == 1:
        return Speed(single, single)
    return Speed(single, timed(bench.call(batch), images=batch, pace=pace, stopwatch=stopwatch))


def peak_mib(work: Callable[[], Speed], meter: Meter, own: int) -> tuple[Speed, float]:
    """Return what ``work`` returns and the peak memory meanwhile; ``own`` bytes of what is held are the entry's."""
    others = meter.held() - own
    meter.reset()
    speed = work()
    return speed, (meter.peak() - others) / MIB


def measures_of(speed: Speed) -> tuple[Measure, ...]:
    """Return an entry's own rates, latencies and energy, as far as they are known."""
    energy = speed.best.joules_per_image("joules_per_image")
    return (
        *(single_measures(speed.single) if speed.single else ()),
        Measure(name="best_batch", value=speed.best.images),
        speed.best.images_per_second("images_per_second_at_best"),
        *((energy,) if energy else ()),
    )


def single_measures(single: Timing) -> tuple[Measure, ...]:
    """Return an entry's rate and latencies at batch 1."""
    return (
        single.images_per_second("images_per_second_at_1"),
        *(single.latency_ms(f"latency_p{percentile}_ms", percentile) for percentile in PERCENTILES),
        Measure(name="latency_calls", value=single.calls),
    )


def compared(speed: Speed, before: Speed, after: Speed) -> tuple[Measure, ...]:
    """Return an entry's rates over those of the reference, timed before and after it, and how far that drifted."""
    singles = [each.single for each in (speed, before, after) if each.single]
    return (
        *((relative("relative_at_1", singles[0], singles[1:]),) if len(singles) == 3 else ()),
        relative("relative_at_best", speed.best, (before.best, after.best)),
        Measure(name="reference_drift", value=drift_of(before, after)),
    )


def drift_of(before: Speed, after: Speed) -> float:
    """Return the larger drift of the reference's rates."""
    at_best = drift(before.best, after.best)
    return max(at_best, drift(before.single, after.single)) if before.single and after.single else at_best
