import json

import numpy as np
import pytest

from suite import protocols, runner
from suite.db import outcomes, queries
from suite.db.engine import open_for_reading
from suite.home import home
from suite.lineup import Choice
from suite.tuning import CACHE, CPU_BATCHES, Split, Wish, candidates, tune
from tests.fake_models import Brightness, OutOfMemory, Raises

IMAGES = [np.full((20, 20, 3), level, np.uint8) for level in (10, 200)]


class Counting(Brightness):
    """Counts the images it is shown, and offers two layouts."""

    layouts = ("a", "b")

    def __init__(self):
        self.layout, self.seen = "a", []

    def use_layout(self, layout):
        self.layout = layout

    def predict(self, images, frames):
        self.seen.append((self.layout, len(images)))
        return super().predict(images, frames)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("suite.tuning.SECONDS_EACH", 0.01)


def tuned(model, wish=Wish()):  # noqa: B008 - a tuple
    return tune({"m": model}, {"m": "sha256:m"}, device="cpu", host="h", images=IMAGES, tf32=False, wish=wish)


def test_every_batch_and_layout_is_tried_and_a_choice_made():
    model = Counting()
    tuning = tuned(model)
    assert {layout for layout, _ in model.seen} == {"a", "b"}
    assert {batch for _, batch in model.seen} == set(CPU_BATCHES)
    assert tuning.batch["m"] in CPU_BATCHES
    assert tuning.layout["m"] in ("a", "b")
    assert tuning.block >= tuning.batch["m"]


def test_what_was_measured_is_kept_for_the_next_run():
    first = tuned(Counting())
    again = Counting()
    assert tuned(again) == first
    assert again.seen == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}'])
def test_a_damaged_memory_is_measured_anew(text):
    home().mkdir(parents=True, exist_ok=True)
    (home() / CACHE).write_text(text)
    model = Counting()
    tuned(model)
    assert model.seen
    again = Counting()
    tuned(again)
    assert again.seen == []


def test_wishes_are_kept():
    tuning = tuned(Brightness(), Wish(batch=5, workers=3))
    assert (tuning.batch["m"], tuning.workers) == (5, 3)


def test_a_model_that_fails_gets_the_smallest_batch_and_is_not_remembered():
    assert tuned(Raises()).batch["m"] == CPU_BATCHES[0]
    assert not (home() / CACHE).exists()


def test_batches_that_do_not_fit_are_not_chosen():
    tuning = tuned(OutOfMemory())
    assert tuning.batch["m"] <= 2
    assert json.loads((home() / CACHE).read_text())


def test_on_a_cpu_threads_are_workers_or_inside_operators(monkeypatch):
    monkeypatch.setattr("suite.tuning.cores", lambda: 8)
    assert candidates("cpu", None) == [Split(8, 1), Split(1, 8)]
    assert candidates("cpu", 2) == [Split(2, 4)]
    assert candidates("cuda:0", None) == [Split(8, 1)]


def test_how_a_host_runs_changes_no_prediction_of_a_real_network(tmp_path):
    scores, answers = [], []
    for number, wish in enumerate([Wish(1, 1), Wish(8, 2), Wish(5, 2)]):
        path = tmp_path / f"{number}.db"
        choice = Choice(models=("pv-efficientnet-lite0",), settings=("20",), limit=24)
        runner.run(protocols.load("pv-cells@1"), choice, database=path, device="cpu", wish=wish)
        found = queries.results(open_for_reading(path))
        tables = [outcomes.read(outcomes.outcomes_directory(path), stored.result.outcomes) for stored in found]
        answers.append([table["predicted"].to_pylist() for table in tables])
        scores.append(np.concatenate([table["score"].to_numpy() for table in tables]))
    assert answers[0] == answers[1] == answers[2]
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)
    assert scores[2] == pytest.approx(scores[0], abs=1e-4)
