"""Runs from end to end on the real images of pv-cells, with models whose answers can be computed by hand."""

import numpy as np
import pyarrow as pa
import pytest

from suite import protocols, registry, runner
from suite.db import outcomes, queries
from suite.db.engine import open_for_reading
from suite.errors import CorruptImage, InvalidPlugin, ManifestMismatch, UsageError
from suite.lineup import Choice
from suite.progress import Silent
from suite.tuning import Wish
from tests import fake_models

SPEC = protocols.load("pv-cells@1")
QUICK = Wish(batch=4, workers=2)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "results.db"


@pytest.fixture
def measure(database, fake):
    def run(*models, settings=("10", "90"), limit=20, wish=QUICK, progress=None, spec=SPEC):
        choice = Choice(models=tuple(map(fake, models)), settings=tuple(settings), limit=limit)
        return runner.run(spec, choice, database=database, device="cpu", wish=wish, progress=progress or Silent())

    return run


def stored(database, **query):
    return queries.results(open_for_reading(database), **query)


def test_a_cells_numbers_are_those_computed_by_hand(measure, database):
    report = measure("Brightness")
    assert (report.stored, report.failed, report.present) == (3, (), 0)
    dataset, jpeg = registry.load("dataset", "pv-cells", split="test").plugin, registry.load("codec", "jpeg").plugin
    samples = dataset.samples()[:20]
    for result in stored(database):
        condition = result.result.cell.condition
        images = [dataset.read(sample).image for sample in samples]
        sizes = [dataset.read(sample).byte_count for sample in samples]
        if not condition.is_reference:
            streams = [jpeg.encode(image, condition.setting) for image in images]
            images, sizes = [jpeg.decode(stream) for stream in streams], [len(stream) for stream in streams]
        answers = np.array([image[::2, ::2].mean() > 100 for image in images])
        truth = np.array([sample.truth for sample in samples])
        assert result.measure("top1").value == np.mean(answers == truth)
        assert result.measure("bits_per_pixel").value == pytest.approx(8 * np.mean(sizes) / 90_000)
        assert (result.measure("psnr_db") is None) == condition.is_reference


def test_what_is_done_is_not_done_again(measure, database):
    measure("Brightness")
    again = measure("Brightness")
    assert (again.stored, again.present) == (0, 3)
    wider = measure("Brightness", settings=("10", "50", "90"))
    assert (wider.stored, wider.present) == (1, 3)
    assert len(stored(database)) == 4


@pytest.mark.parametrize("broken", fake_models.BROKEN, ids=lambda model: model.name)
def test_a_broken_model_fails_with_its_reason_and_the_others_go_on(measure, database, broken):
    report = measure(broken.__name__, "Brightness")
    assert report.stored == 3
    assert len(report.failed) == 3
    failures = stored(database, status="failed")
    assert {failure.result.cell.model.name for failure in failures} == {broken.name}
    assert all(failure.result.reason and "\n" not in failure.result.reason for failure in failures)
    good = stored(database, status="ok")
    assert {result.result.cell.model.name for result in good} == {"brightness"}
    assert all(result.measure("top1").value > 0 for result in good)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("Raises", "ValueError: the sky is falling"),
        ("WrongCount", "PredictionError: Expected 4 predictions, but got 3."),
        ("WrongShape", "scores of shape (2,)"),
        ("ClassOutOfRange", "but got (3,)"),
        ("NotANumber", "finite scores, but got nan for class 0"),
        ("NotAPrediction", "Expected a Classification, but got str"),
        ("BadGeometry", "an image after geometry to be uint8"),
        ("RaisesOnLoad", "RuntimeError: no such kernel"),
    ],
)
def test_the_reason_says_what_was_wrong(measure, database, model, reason):
    measure(model, settings=("10",))
    assert all(reason in failure.result.reason for failure in stored(database, status="failed"))


def test_a_failed_cell_is_tried_again(measure, database):
    measure("Raises")
    again = measure("Raises")
    assert (again.present, len(again.failed)) == (0, 3)
    assert len(stored(database)) == 6


def test_out_of_memory_halves_the_batch_says_so_and_changes_no_number(measure, database):
    class Listening(Silent):
        def __init__(self):
            self.notes = []

        def note(self, text):
            self.notes.append(text)

    listening = Listening()
    measure("OutOfMemory", "Brightness", wish=Wish(batch=8, workers=2), progress=listening)
    assert listening.notes == [
        "out-of-memory: out of memory at batch 8; going on with 4.",
        "out-of-memory: out of memory at batch 4; going on with 2.",
    ]
    results = {(r.result.cell.model.name, str(r.result.cell.condition)): r for r in stored(database)}
    for (name, condition), result in results.items():
        assert result.measure("top1") == results["brightness", condition].measure("top1")
        assert result.result.tuning.batch[name] == (2 if name == "out-of-memory" else 8)


def test_batch_and_workers_change_no_number(tmp_path):
    tables = []
    for number, wish in enumerate([Wish(1, 1), Wish(3, 2), Wish(16, 4)]):
        choice = Choice(models=(f"{fake_models.__file__}:Brightness",), settings=("50",), limit=37)
        path = tmp_path / f"{number}.db"
        runner.run(SPEC, choice, database=path, device="cpu", wish=wish)
        tables.append([(r.result.measures, r.result.outcomes, r.result.frames) for r in stored(path)])
    assert tables[0] == tables[1] == tables[2]


def test_outcomes_are_kept_sample_by_sample_in_order(measure, database):
    measure("Brightness", limit=21)
    result = stored(database)[0].result
    table: pa.Table = outcomes.read(outcomes.outcomes_directory(database), result.outcomes)
    samples = registry.load("dataset", "pv-cells", split="test").plugin.samples()[:21]
    assert table["truth"].to_pylist() == [sample.truth for sample in samples]
    assert np.mean(table["correct"]) == next(m.value for m in result.measures if m.name == "top1")


def test_a_corrupt_image_is_named_and_counted_and_fails_the_cells(measure, database, monkeypatch):
    dataset_class = type(registry.load("dataset", "pv-cells", split="test").plugin)
    healthy = dataset_class.read

    def read(self, sample):
        if sample in self.samples()[13:15]:
            raise CorruptImage(f"{sample.id}.png is truncated")
        return healthy(self, sample)

    monkeypatch.setattr(dataset_class, "read", read)
    report = measure("Brightness")
    assert (report.stored, len(report.failed)) == (0, 3)
    first = registry.load("dataset", "pv-cells", split="test").plugin.samples()[13].id
    reason = stored(database)[0].result.reason
    assert reason.startswith("2 of 20 images cannot be read: ")
    assert f"{first}.png is truncated" in reason
    monkeypatch.undo()
    assert measure("Brightness").stored == 3


def test_a_dataset_that_raises_anything_fails_its_cells(measure, database, monkeypatch):
    def read(self, sample):
        raise KeyError("label")

    monkeypatch.setattr(type(registry.load("dataset", "pv-cells", split="test").plugin), "read", read)
    assert len(measure("Brightness").failed) == 3
    assert "the dataset pv-cells raised KeyError: 'label'" in stored(database)[0].result.reason


@pytest.mark.parametrize(("altered", "reason"), [(True, "have SHA-256"), (False, "cannot be read")])
def test_altered_and_missing_weights_fail_by_name(measure, database, tmp_path, monkeypatch, altered, reason):
    if altered:
        (tmp_path / "pv-efficientnet-lite0.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr("plugins.models.efficientnet_lite.HEADS", tmp_path)
    choice = Choice(models=("pv-efficientnet-lite0", f"{fake_models.__file__}:Brightness"), settings=("50",), limit=4)
    report = runner.run(SPEC, choice, database=database, device="cpu", wish=QUICK)
    assert (report.stored, len(report.failed)) == (2, 2)
    failure = stored(database, status="failed")[0].result.reason
    assert "pv-efficientnet-lite0.safetensors" in failure
    assert reason in failure


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(measure, limit):
    with pytest.raises(UsageError, match="--limit is a number of samples, 1 or more"):
        measure("Brightness", limit=limit)


def test_a_model_for_other_classes_is_refused(measure):
    with pytest.raises(UsageError, match="over 1000 classes, but pv-cells@1 asks for classification over 2"):
        measure("ThousandClasses")


def test_an_incomplete_model_is_refused_by_what_it_lacks(measure):
    with pytest.raises(InvalidPlugin, match="it lacks predict"):
        measure("NoPredict")


def test_other_samples_than_the_pinned_are_refused(measure, monkeypatch):
    dataset_class = type(registry.load("dataset", "pv-cells", split="test").plugin)
    healthy = dataset_class.samples
    monkeypatch.setattr(dataset_class, "samples", lambda self: healthy(self)[:-1])
    with pytest.raises(ManifestMismatch, match="pins 526 samples"):
        measure("Brightness")
