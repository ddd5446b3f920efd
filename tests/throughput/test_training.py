"""What a timed training step does and when it counts, with a model that moves the clock itself; then whole runs."""

import math
from functools import partial

import numpy as np
import pytest

from suite.api import FrameInfo
from suite.api.torch import TorchClassifier
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.errors import InvalidPlugin, PredictionError
from suite.lineup import Choice
from suite.players import Player
from suite.stages.codec_stage import Original
from suite.throughput import entries
from suite.throughput import runner as throughput
from suite.throughput.entry import choose, compared, drift_of, measures_of, peak_mib, speed_of
from suite.throughput.memory import MIB
from suite.throughput.timing import Pace, Stopwatch
from suite.throughput.training import Training, trainable, verdict
from tests import fake_mitigations
from tests.fake_mitigations import Invert
from tests.fake_models import Brightness, Learns, LearnsItself, OutOfMemoryError
from tests.networks import pooled_learner
from tests.throughput.fake_clock import FakeClock
from tests.throughput.test_runner import Listening, Ticking, named, spec_with

ORIGINALS = [Original(np.full((4, 6, 3), level, np.uint8), 1, FrameInfo(6, 4)) for level in (10, 20, 200, 210, 220)]
TRUTHS = [0, 0, 1, 1, 2]
PACE = Pace(seconds=1.0, repeats=2)


class Paced(Learns):
    """A step takes the seconds that ``cost`` says; notes what it was shown and how many of its copies are alive."""

    layouts = ("a", "b")

    def __init__(self, clock, cost, least=1, room=99, losses=(0.5,)):
        self.clock, self.cost, self.least, self.room, self.losses = clock, cost, least, room, losses
        self.layout, self.seen, self.copies, self.most, self.made = "a", [], 0, 0, 0

    def use_layout(self, layout):
        self.layout = layout

    def trainer(self):
        return Step(self)


class Step:
    def __init__(self, model):
        self.model = model
        model.copies, model.made = model.copies + 1, model.made + 1
        model.most = max(model.most, model.copies)

    def __del__(self):
        self.model.copies -= 1

    def __call__(self, images, truths):
        model = self.model
        if len(images) > model.room:
            raise OutOfMemoryError("CUDA out of memory")
        if len(images) < model.least:
            raise ValueError("Expected more than 1 value per channel")
        model.seen.append(([int(image[0, 0, 0]) for image in images], list(truths), images[0].shape))
        model.clock.now += model.cost(len(images), model.layout)
        return model.losses[len(model.seen) % len(model.losses)]


class Slow(Invert):
    """An inversion that takes a quarter of a second for a batch."""

    def __init__(self, clock):
        self.clock = clock

    def restore(self, frames):
        self.clock.now += 0.25
        return super().restore(frames)


def bench_of(model, restoration=None):
    return Training(Player("m", "d", model, restoration or Invert()), ORIGINALS, TRUTHS, geometry_first=False)


def test_restoration_and_step_are_timed_together():
    clock = FakeClock()
    bench = bench_of(Paced(clock, lambda batch, layout: 0.5 * batch), Slow(clock))
    speed = speed_of(bench, 4, PACE, clock.stopwatch)
    assert (speed.single.rate, speed.best.rate) == (1 / 0.75, 4 / 2.25)
    assert verdict(bench) == ("valid", "")


def test_steps_take_the_next_images_in_turn_restored_through_the_geometry_and_with_their_truths():
    model = Paced(FakeClock(), lambda batch, layout: 0.25)
    call = bench_of(model).call(2)
    for _ in range(4):
        call()
    assert [(levels, truths) for levels, truths, _ in model.seen] == [
        ([245, 235], [0, 0]),
        ([55, 45], [1, 1]),
        ([35, 245], [2, 0]),
        ([245, 235], [0, 0]),
    ]
    assert {shape for *_, shape in model.seen} == {(2, 3, 3)}


def test_each_timing_trains_a_copy_of_its_own_that_goes_with_it():
    clock = FakeClock()
    model = Paced(clock, lambda batch, layout: 0.5)
    bench = bench_of(model)
    speed_of(bench, choose(bench, (1, 2, 4), PACE, clock.stopwatch), PACE, clock.stopwatch)
    assert (model.copies, model.most) == (0, 1)
    assert model.made == 1 + 2 + 2 + 2  # one look at batch 1, the layouts, the other batches, and what counts


def test_the_fastest_layout_and_batch_are_chosen_and_what_was_tried_is_forgotten():
    clock = FakeClock()
    cost = {1: 1.0, 2: 1.5, 4: 2.0, 8: 5.0}
    model = Paced(clock, lambda batch, layout: cost[batch] * (1.0 if layout == "b" else 1.25), losses=(math.nan,))
    bench = bench_of(model)
    assert choose(bench, (1, 2, 4, 8), PACE, clock.stopwatch) == 4
    assert (bench.layout, model.layout, bench.losses) == ("b", "b", [])


def test_what_does_not_fit_the_memory_is_slowest():
    clock = FakeClock()
    bench = bench_of(Paced(clock, lambda batch, layout: 1.0, room=3))
    assert choose(bench, (1, 2, 4, 8), PACE, clock.stopwatch) == 2


def test_a_network_that_needs_two_images_has_no_figures_at_one():
    clock = FakeClock()
    bench = bench_of(Paced(clock, lambda batch, layout: 0.5, least=2))
    batch = choose(bench, (1, 2, 4), PACE, clock.stopwatch)
    speed = speed_of(bench, batch, PACE, clock.stopwatch)
    assert (batch, speed.single, speed.best.rate) == (4, None, 8.0)
    assert {measure.name for measure in measures_of(speed)} == {"best_batch", "images_per_second_at_best"}
    assert verdict(bench) == ("valid", "no step at batch 1: ValueError: Expected more than 1 value per channel")


def test_without_figures_at_one_only_the_best_is_compared():
    clock = FakeClock()
    whole = speed_of(bench_of(Paced(clock, lambda batch, layout: 0.5)), 2, PACE, clock.stopwatch)
    half = whole._replace(single=None)
    for own, reference in ((half, whole), (whole, half)):
        assert [measure.name for measure in compared(own, reference, reference)] == [
            "relative_at_best",
            "reference_drift",
        ]
    assert drift_of(half, half) == 0


def test_a_real_network_that_needs_two_images_is_told_from_one_that_is_broken():
    network, half = partial(pooled_learner, 3), (0.5,) * 3
    model = TorchClassifier("pooled", "1", classes=3, network=network, resize=lambda image: image, mean=half, std=half)
    model.load("cpu")
    bench, stopwatch = bench_of(model), Stopwatch(clock=Ticking())
    speed = speed_of(bench, choose(bench, (1, 2, 4), PACE, stopwatch), PACE, stopwatch)
    assert (speed.single, speed.best.images) == (None, 4)
    status, reason = verdict(bench)
    assert status == "valid"
    assert reason.startswith("no step at batch 1: ValueError: Expected more than 1 value per channel")


def test_a_model_that_cannot_do_any_step_says_why():
    bench = bench_of(Paced(FakeClock(), lambda batch, layout: 0.5, least=99))
    with pytest.raises(ValueError, match="more than 1 value"):
        choose(bench, (1, 2, 4), PACE, FakeClock().stopwatch)


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ((0.5, math.nan), "the loss of 2 of 4 steps is not finite"),
        ((math.inf,), "the loss of 4 of 4 steps is not finite"),
        ((1e30, -1.0), ""),
    ],
)
def test_losses_that_are_not_finite_are_invalid(losses, reason):
    bench = bench_of(Paced(FakeClock(), lambda batch, layout: 0.5, losses=losses))
    call = bench.call(2)
    for _ in range(4):
        call()
    assert verdict(bench) == ("invalid" if reason else "valid", reason)


@pytest.mark.parametrize("loss", [None, "0.5", np.zeros(2)])
def test_a_step_must_return_its_loss(loss):
    bench = bench_of(Paced(FakeClock(), lambda batch, layout: 0.5, losses=(loss,)))
    bench.call(2)()
    with pytest.raises(PredictionError, match="return its loss as a float"):
        verdict(bench)


def test_a_model_that_trains_itself_is_invalid():
    bench = bench_of(LearnsItself())
    bench.call(2)()
    assert verdict(bench) == ("invalid", "training changed the model's own answers on 4 of 4 images")


def test_answers_are_compared_in_one_layout():
    class Twofold(Paced):
        def predict(self, images, frames):
            return super().predict([image + (self.layout == "b") for image in images], frames)

    bench = bench_of(Twofold(FakeClock(), lambda batch, layout: 0.5))
    bench.use("b")
    bench.call(2)()
    assert verdict(bench).status == "valid"


def test_a_model_without_a_step_is_refused_by_name():
    assert trainable(Learns()).trainer()([], [0, 1]) == 0.5
    with pytest.raises(InvalidPlugin, match="brightness offers no training step"):
        trainable(Brightness())


def test_the_models_own_weights_do_not_count(tmp_path):
    class Meter:
        what = "fake"

        def held(self):
            return 500 * MIB

        def reset(self):
            """Nothing to forget."""

        def peak(self):
            return 700 * MIB

    clock = FakeClock()
    bench = bench_of(Paced(clock, lambda batch, layout: 0.5))
    assert peak_mib(lambda: speed_of(bench, 2, PACE, clock.stopwatch), Meter(), own=30 * MIB)[1] == 230


@pytest.fixture
def time(tmp_path):
    def run(*models, baseline="Learns", mitigations=(), progress=None, training=True):
        spec, database = spec_with(baseline), tmp_path / "results.db"
        report = throughput.run(
            spec,
            Choice(models=tuple(map(named, models)), mitigations=mitigations),
            name="mine.toml",
            database=database,
            device="cpu",
            pace=Pace(seconds=0.125, repeats=2),
            stopwatch=Stopwatch(clock=Ticking()),
            progress=progress,
            training=training,
        )
        found = queries.throughput(open_for_reading(database), spec.digest, run_id=report.run)
        return {str(each.throughput): each.throughput for each in found if each.throughput.work == "training"}

    return run


def values(row):
    return {measure.name: measure.value for measure in row.measures}


def test_training_has_rows_of_its_own_with_the_figures_of_the_clock(time):
    rows = time("Learns", "Brightness")
    assert set(rows) == {"learns"}
    found = values(rows["learns"])
    assert found.pop("peak_memory_mib") > 0
    assert found == {
        "images_per_second_at_1": 8,
        "latency_p50_ms": 125,
        "latency_p95_ms": 125,
        "latency_p99_ms": 125,
        "latency_calls": 2,
        "best_batch": 16,
        "images_per_second_at_best": 128,
        "relative_at_1": 1,
        "relative_at_best": 1,
        "reference_drift": 0,
    }
    row = rows["learns"]
    assert (row.status, row.reason, str(row.reference), row.steady) == ("valid", "", "learns@1", True)
    assert row.settings["step"].startswith("stochastic gradient descent with momentum")


def test_without_training_there_are_no_such_rows(time):
    assert time("Learns", training=False) == {}


def test_the_references_own_step_is_timed_before_and_after(time, monkeypatch):
    healthy, order = entries.speed_of, []

    def noted(bench, *rest):
        order.append((type(bench).__name__, bench.player.label))
        return healthy(bench, *rest)

    monkeypatch.setattr(entries, "speed_of", noted)
    time("LearnsFromTwo")
    both = ("learns", "learns-from-two", "learns")
    assert order == [*(("Bench", label) for label in both), *(("Training", label) for label in both)]


def test_no_batch_of_one_is_said_and_the_rest_counts(time):
    row = time("LearnsFromTwo")["learns-from-two"]
    assert (row.status, row.steady) == ("valid", True)
    assert row.reason == "no step at batch 1: ValueError: Expected more than 1 value per channel when training"
    assert {"relative_at_best", "images_per_second_at_best"} < set(values(row))
    assert not {"relative_at_1", "images_per_second_at_1", "latency_p50_ms"} & set(values(row))


@pytest.mark.parametrize(
    ("model", "status", "reason"),
    [
        ("Diverges", "invalid", "steps is not finite"),
        ("LearnsItself", "invalid", "training changed the model's own answers on 4 of 4 images"),
        ("RaisesInTraining", "failed", "RuntimeError: weights are frozen"),
    ],
)
def test_a_step_that_is_no_good_says_why(time, model, status, reason):
    (row,) = time(model).values()
    assert row.status == status
    assert row.reason.endswith(reason)


def test_a_model_that_does_not_load_has_no_second_row(time):
    assert time("LearnsUnloaded") == {}


def test_a_reference_without_a_step_is_said_and_compares_with_nothing(time):
    listening = Listening()
    row = time("Learns", baseline="Brightness", progress=listening)["learns"]
    assert (row.status, row.reference, row.steady) == ("valid", None, None)
    lacking = "InvalidPlugin: brightness offers no training step. See suite.api.Trainable."
    assert {*listening.notes} == {f"Compared with nothing: brightness@1 failed: {lacking}"}


@pytest.mark.parametrize(
    ("mitigation", "trained"), [("Invert", {"learns", "learns + invert"}), ("Opposite", {"learns"})]
)
def test_restorations_come_with_it_and_a_retraining_needs_a_step_of_its_own(time, mitigation, trained):
    found = time("Learns", mitigations=(f"{fake_mitigations.__file__}:{mitigation}",))
    assert {name: row.status for name, row in found.items()} == dict.fromkeys(trained, "valid")
