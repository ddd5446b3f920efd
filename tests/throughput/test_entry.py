"""What a timed call does, with a model and a restoration that move the clock themselves."""

import numpy as np
import pytest

from suite.api import FrameInfo
from suite.errors import PredictionError
from suite.players import Player
from suite.stages.codec_stage import Original
from suite.throughput.entry import Bench, choose, speed_of
from suite.throughput.timing import Pace
from tests.fake_mitigations import Invert, Shrinks
from tests.fake_models import Brightness, OutOfMemoryError
from tests.throughput.fake_clock import FakeClock

ORIGINALS = [Original(np.full((4, 6, 3), level, np.uint8), 1, FrameInfo(6, 4)) for level in (10, 20, 200, 210, 220)]
PACE = Pace(seconds=1.0, repeats=2)


class Paced(Brightness):
    """Takes the seconds that ``cost`` says for a batch in the layout in use."""

    layouts = ("a", "b")

    def __init__(self, clock, cost, room=99):
        self.clock, self.cost, self.room, self.layout, self.seen = clock, cost, room, "a", []

    def use_layout(self, layout):
        self.layout = layout

    def predict(self, images, frames):
        if len(images) > self.room:
            raise OutOfMemoryError("CUDA out of memory")
        self.seen.append([int(image[0, 0, 0]) for image in images])
        self.clock.now += self.cost(len(images), self.layout)
        return super().predict(images, frames)


class Slow(Invert):
    """An inversion that takes a quarter of a second for a batch."""

    def __init__(self, clock):
        self.clock = clock

    def restore(self, frames):
        self.clock.now += 0.25
        return super().restore(frames)


def bench_of(model, restoration=None, *, geometry_first=False):
    return Bench(Player("m", "d", model, restoration or Invert()), ORIGINALS, geometry_first=geometry_first)


def test_restoration_and_network_are_timed_together():
    clock = FakeClock()
    bench = bench_of(Paced(clock, lambda batch, layout: 0.5 * batch), Slow(clock))
    speed = speed_of(bench, 4, PACE, clock.stopwatch)
    assert (speed.single.rate, speed.best.rate) == (1 / 0.75, 4 / 2.25)


def test_the_best_batch_of_one_is_timed_once():
    clock = FakeClock()
    bench = bench_of(Paced(clock, lambda batch, layout: 0.5 * batch))
    speed = speed_of(bench, 1, PACE, clock.stopwatch)
    assert speed.single is speed.best
    assert len(bench.player.model.seen) == 3 + 2 * 2  # warm-up, then two calls a repeat


def test_calls_take_the_next_images_in_turn_restored_and_through_the_geometry():
    clock = FakeClock()
    model = Paced(clock, lambda batch, layout: 0.25)
    bench = bench_of(model)
    call = bench.call(2)
    for _ in range(4):
        call()
    assert model.seen == [[245, 235], [55, 45], [35, 245], [245, 235]]
    assert {image.shape for image in bench.images} == {(2, 3, 3)}
    found = {batch.numbers: [answer.scores.argmax() for answer in batch.answers] for batch in bench.answered()}
    assert found == {(0, 1): [1, 1], (2, 3): [0, 0], (4, 0): [0, 1]}


def test_where_the_geometry_comes_first_it_comes_once_and_before_the_restoration():
    bench = bench_of(Paced(FakeClock(), lambda batch, layout: 0.25), geometry_first=True)
    assert {frame.image.shape for frame in bench.frames} == {image.shape for image in bench.images} == {(2, 3, 3)}
    assert bench.frames[0].info == FrameInfo(6, 4)


def test_the_fastest_layout_and_batch_are_chosen_and_what_was_tried_is_forgotten():
    clock = FakeClock()
    cost = {1: 1.0, 2: 1.5, 4: 2.0, 8: 5.0}  # 1, 1.33, 2 and 1.6 images a second
    model = Paced(clock, lambda batch, layout: cost[batch] * (1.0 if layout == "b" else 1.25))
    bench = bench_of(model)
    assert choose(bench, (1, 2, 4, 8), PACE, clock.stopwatch) == 4
    assert (bench.layout, model.layout) == ("b", "b")
    assert bench.answered() == []


def test_another_entry_that_shares_the_model_does_not_change_the_layout():
    clock = FakeClock()
    model = Paced(clock, lambda batch, layout: 0.5 if layout == "b" else 1.0)
    bench = bench_of(model)
    bench.use("b")
    model.use_layout("a")
    assert speed_of(bench, 1, PACE, clock.stopwatch).single.rate == 2.0


def test_what_does_not_fit_the_memory_is_slowest():
    clock = FakeClock()
    bench = bench_of(Paced(clock, lambda batch, layout: 1.0, room=3))
    assert choose(bench, (1, 2, 4, 8), PACE, clock.stopwatch) == 2


def test_a_restoration_of_another_size_is_refused():
    with pytest.raises(PredictionError, match="a restored image"):
        bench_of(Brightness(), Shrinks())
