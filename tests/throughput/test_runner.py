"""Timing from end to end on real images, with models whose answers can be computed by hand and a clock that ticks."""

import statistics

import msgspec
import pytest

from suite import protocols, registry, runner
from suite.db import outcomes, queries
from suite.db.engine import open_for_reading, open_for_writing
from suite.db.store import Store
from suite.errors import UsageError
from suite.lineup import Choice
from suite.progress import Silent
from suite.spec import PluginName
from suite.throughput import entries
from suite.throughput import runner as throughput
from suite.throughput.entries import beside
from suite.throughput.entry import Speed
from suite.throughput.timing import Pace, Stopwatch, Timing
from suite.tuning import Wish
from tests import fake_mitigations, fake_models
from tests.db.measured import ref
from tests.db.measured import throughput as row_like

TICK_S = 0.125
FICKLE = """
import os
from tests.fake_models import Brightness, Classification

class Fickle(Brightness):
    name = "fickle"

    def predict(self, images, frames):
        answers = super().predict(images, frames)
        if len(images) < int(os.environ.get("FICKLE_FROM", "99")):
            return answers
        return [Classification(answer.scores[::-1].copy()) for answer in answers]
"""


def named(name):
    return f"{fake_models.__file__}:{name}"


def spec_with(baseline="Brightness", **changes):
    """Return pv-cells@1 with a fake first baseline."""
    spec = protocols.load("pv-cells@1")
    track = msgspec.structs.replace(spec.tracks[0], baselines=(PluginName(name=named(baseline), version="1"),))
    return msgspec.structs.replace(spec, tracks=(track,), **changes)


SPEC = spec_with()


class Ticking:
    """A clock that goes on by a tick whenever it is read, so that every call takes one."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += TICK_S
        return self.now


class Listening(Silent):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "results.db"


@pytest.fixture
def time(database):
    def run(*models, mitigations=(), spec=SPEC, progress=None):
        report = throughput.run(
            spec,
            Choice(models=models, mitigations=mitigations),
            name="mine.toml",
            database=database,
            device="cpu",
            pace=Pace(seconds=TICK_S, repeats=2),
            stopwatch=Stopwatch(clock=Ticking()),
            progress=progress,
        )
        return report, rows_of(database, spec, report)

    return run


def rows_of(database, spec, report):
    found = queries.throughput(open_for_reading(database), spec.digest, run_id=report.run)
    return {str(each.throughput): each.throughput for each in found}


@pytest.fixture
def measure(database):
    def run(*models, spec=SPEC, limit=20, **choice):
        chosen = Choice(models=models, settings=("50",), limit=limit, **choice)
        return runner.run(spec, chosen, database=database, device="cpu", wish=Wish(4, 2))

    return run


def values(row):
    return {measure.name: measure.value for measure in row.measures}


def test_every_figure_is_that_of_the_clock(time, measure):
    measure(named("Brightness"), named("Darkness"))
    report, rows = time(named("Darkness"))
    assert report.statuses == ("valid", "valid")
    found = values(rows["darkness"])
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
    assert (str(rows["darkness"].reference), rows["darkness"].steady) == ("brightness@1", True)
    settings = rows["darkness"].settings
    assert (settings["device"], settings["precision"], settings["repeats"]) == ("cpu", "float32", 2)
    assert settings["threads"] >= 1


def test_a_codecs_cost_is_an_images_share_of_a_pass(time):
    _, rows = time(named("Brightness"))
    row = rows["jpeg quality=50"]
    dataset, jpeg = registry.load("dataset", "pv-cells", split="test").plugin, registry.load("codec", "jpeg").plugin
    images = [dataset.read(sample).image for sample in dataset.samples()[:4]]
    rates = [8 * len(jpeg.encode(image, row.condition.setting)) / image[..., 0].size for image in images]
    assert values(row) == {
        "encode_ms": 1000 * TICK_S / 4,
        "decode_ms": 1000 * TICK_S / 4,
        "megapixels_per_image": 0.09,
        "bits_per_pixel": pytest.approx(statistics.fmean(rates)),
    }
    assert (row.status, row.work, row.model, row.settings["threads"]) == ("valid", "codec", None, 1)


def test_the_reference_is_timed_before_and_after_each_entry(time, monkeypatch):
    healthy, order = entries.speed_of, []

    def noted(bench, *rest):
        order.append(bench.player.label)
        return healthy(bench, *rest)

    monkeypatch.setattr(entries, "speed_of", noted)
    time(named("Darkness"), named("Brightness"))
    assert order == ["brightness", "darkness", "brightness", "brightness", "brightness"]


@pytest.mark.parametrize(("after", "steady"), [(0.909090, False), (0.91, True), (1.099, True), (1.101, False)])
def test_a_row_is_unsteady_where_the_reference_changed_its_pace(after, steady):
    def speed(seconds):
        return Speed(Timing(1, ((1.0,),)), Timing(4, ((seconds,),)))

    row = beside(row_like(SPEC, measures=()), ref("model", "net"), speed(1.0), speed(1.0), speed(after))
    assert row.steady is steady
    assert row.measure("reference_drift").value == pytest.approx(max(after, 1 / after) - 1)


def test_without_an_accuracy_run_a_row_is_unverified_and_says_how_to_make_one(time, database):
    report, rows = time(named("Brightness"))
    assert report.statuses == ("unverified", "valid")
    command = f"suite run mine.toml --model {named('Brightness')} --device cpu --database {database}"
    assert rows["brightness"].reason == f"no accuracy run of it here yet: {command}"
    assert rows["brightness"].measure("images_per_second_at_1").value == 8


@pytest.mark.parametrize(("batch", "images"), [("1", "16 of 16"), ("2", "16 of 16"), ("17", None)])
def test_a_model_that_answers_otherwise_than_it_did_is_invalid(time, measure, tmp_path, monkeypatch, batch, images):
    (tmp_path / "fickle.py").write_text(FICKLE)
    model = f"{tmp_path / 'fickle.py'}:Fickle"
    measure(model)
    monkeypatch.setenv("FICKLE_FROM", batch)
    _, rows = time(model)
    first = registry.load("dataset", "pv-cells", split="test").plugin.samples()[0].id
    expected = f"{images} images get another answer than in result 1, the first {first}" if images else ""
    assert (rows["fickle"].status, rows["fickle"].reason) == ("invalid" if images else "valid", expected)


def test_a_short_trial_is_compared_as_far_as_it_goes(time, measure, tmp_path, monkeypatch):
    (tmp_path / "fickle.py").write_text(FICKLE)
    model = f"{tmp_path / 'fickle.py'}:Fickle"
    measure(model, limit=5)
    monkeypatch.setenv("FICKLE_FROM", "1")
    assert time(model)[1]["fickle"].reason.startswith("5 of 5 images")


def test_a_run_on_another_environment_verifies_nothing(time, measure, monkeypatch):
    measure(named("Brightness"))
    monkeypatch.setattr("suite.environment.installed", lambda distribution: "0")
    assert time(named("Brightness"))[1]["brightness"].status == "unverified"


def test_a_withdrawn_run_verifies_nothing(time, measure, database):
    measure(named("Brightness"))
    engine = open_for_writing(database)
    for stored in queries.results(engine):
        Store(engine, database).add_erratum(stored.id, author="ada", reason="wrong")
    assert time(named("Brightness"))[1]["brightness"].status == "unverified"


def test_damaged_outcomes_verify_nothing_and_are_named(time, measure, database):
    measure(named("Brightness"))
    for path in outcomes.outcomes_directory(database).rglob("*.parquet"):
        path.write_bytes(b"torn")
    row = time(named("Brightness"))[1]["brightness"]
    assert row.status == "unverified"
    assert "cannot be understood" in row.reason


@pytest.mark.parametrize("broken", fake_models.BROKEN, ids=lambda model: model.name)
def test_a_broken_model_is_a_failed_row_and_the_others_go_on(time, broken):
    report, rows = time(named(broken.__name__), named("Brightness"))
    assert report.statuses == ("failed", "unverified", "valid")
    row = rows[broken.name]
    assert row.reason
    assert (row.measures, row.steady, row.reference) == ((), None, None)


def test_what_does_not_fit_the_memory_is_not_chosen(time):
    assert values(time(named("OutOfMemory"))[1]["out-of-memory"])["best_batch"] == 2


def test_a_broken_reference_is_said_and_compares_with_nothing(time):
    listening = Listening()
    _, rows = time(named("Brightness"), spec=spec_with("Raises"), progress=listening)
    assert {"Compared with nothing: raises@1 failed: ValueError: the sky is falling"} == {*listening.notes}
    row = rows["brightness"]
    assert (row.reference, row.steady, row.measure("relative_at_1")) == (None, None, None)
    assert row.measure("images_per_second_at_1").value == 8


@pytest.mark.parametrize("order", ["compress-then-geometry", "geometry-then-compress"])
@pytest.mark.parametrize("mitigation", ["Invert", "Opposite"])
def test_mitigations_are_timed_and_verified_in_both_orders(time, measure, order, mitigation):
    spec, mitigations = spec_with(order=order), (f"{fake_mitigations.__file__}:{mitigation}",)
    measure(named("Brightness"), spec=spec, mitigations=mitigations)
    report, rows = time(named("Brightness"), spec=spec, mitigations=mitigations)
    assert report.statuses == ("valid", "valid", "valid")
    assert set(rows) == {"brightness", f"brightness + {mitigation.lower()}", "jpeg quality=50"}


def test_an_absent_codec_is_named_and_left_out(time, monkeypatch):
    bpg = next(codec for codec in protocols.load("marie2022@1").codecs if codec.name == "bpg")
    spec = spec_with(codecs=(*SPEC.codecs, bpg))
    monkeypatch.setenv("PATH", "")
    for name in ("SUITE_BPGENC", "SUITE_BPGDEC"):
        monkeypatch.delenv(name, raising=False)
    report, rows = time(named("Brightness"), spec=spec)
    assert [absent.name for absent in report.absent] == ["bpg"]
    assert set(rows) == {"brightness", "jpeg quality=50"}


def test_a_target_rate_is_searched_before_it_is_timed(time):
    (jpeg,) = SPEC.codecs
    codec = msgspec.structs.replace(jpeg, axis="bpp-per-image", values=(0.3, 0.5, 0.7))
    metrics = ("bits_per_pixel", "bpp_p5", "bpp_p50", "bpp_p95")
    _, rows = time(named("Brightness"), spec=spec_with(codecs=(codec,), frame_metrics=metrics))
    found = values(rows["jpeg bpp=0.5"])
    assert found["bits_per_pixel"] == pytest.approx(0.5, abs=0.05)
    assert found["encode_ms"] == 1000 * TICK_S / 4


def test_a_pace_that_times_nothing_is_refused_before_any_work(database):
    with pytest.raises(UsageError, match="a time above 0"):
        throughput.run(SPEC, Choice(), name="x", database=database, device="cpu", pace=Pace(seconds=0))
    assert not database.exists()


def test_rows_are_unaltered_by_a_second_run(time, database):
    time(named("Brightness"))
    first = queries.throughput(open_for_reading(database), SPEC.digest)
    time(named("Brightness"))
    both = queries.throughput(open_for_reading(database), SPEC.digest)
    assert both[-len(first) :] == first
    assert len(both) == 2 * len(first)
