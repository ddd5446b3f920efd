"""Target rates, and bitstreams that are encoded once for all models, runs and targets: whole runs on pv-cells."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from suite import protocols, registry, runner
from suite.db import outcomes, queries
from suite.db.engine import open_for_reading
from suite.errors import InvalidProtocol
from suite.lineup import Choice
from suite.metrics.image import RATE_PERCENTILES
from suite.progress import Silent
from suite.spec import CodecSpec
from suite.stages.rates import nearest
from suite.tuning import Wish

CODEC = f"{Path(__file__).with_name('fakes.py')}:LoggingBits"
QUICK = Wish(batch=4, workers=2)
LIMIT = 12


def protocol(*codecs, order="compress-then-geometry"):
    spec = protocols.load("pv-cells@1")
    metrics = (*spec.frame_metrics, *RATE_PERCENTILES)
    return msgspec.structs.replace(spec, name="toy", order=order, codecs=codecs, frame_metrics=metrics)


def bits(*values, **axis):
    return CodecSpec(name=CODEC, version="1", parameter="bits", values=values, **axis)


def jpeg(*values, **axis):
    return msgspec.structs.replace(protocols.load("pv-cells@1").codecs[0], values=values, **axis)


@pytest.fixture
def encodes(tmp_path, monkeypatch):
    """Count the images that were really encoded, since the last time it was asked."""
    log, seen = tmp_path / "log", [0]
    log.touch()
    monkeypatch.setenv("CODEC_LOG", str(log))

    def count():
        lines = len(log.read_text().splitlines())
        seen[0], before = lines, seen[0]
        return lines - before

    return count


@pytest.fixture
def measure(tmp_path, fake):
    def run(spec, *models, limit=LIMIT, database=tmp_path / "results.db"):
        choice = Choice(models=tuple(map(fake, models or ["Brightness"])), limit=limit)
        report = runner.run(spec, choice, database=database, device="cpu", wish=QUICK, progress=Silent())
        assert report.failed == ()
        found = queries.results(open_for_reading(database), spec.digest)
        return {str(stored.result.cell.condition.setting): stored for stored in found}

    return run


def test_a_second_model_a_second_run_and_a_second_database_encode_nothing(measure, encodes, tmp_path):
    spec = protocol(bits(1, 3, 8))
    measure(spec)
    assert encodes() == 3 * LIMIT
    measure(spec, "Darkness")
    measure(spec, database=tmp_path / "another.db")
    assert encodes() == 0


def test_without_a_store_everything_is_encoded_again(measure, encodes, tmp_path, monkeypatch):
    monkeypatch.setenv("SUITE_BITSTREAMS_GIB", "0")
    spec = protocol(bits(1, 3))
    first = measure(spec)
    again = measure(spec, database=tmp_path / "another.db")
    assert encodes() == 4 * LIMIT
    assert [first[key].result.measures for key in first] == [again[key].result.measures for key in first]


def test_a_damaged_bitstream_is_encoded_again_and_changes_no_number(measure, encodes, tmp_path, own_home):
    spec = protocol(bits(1, 3))
    first = measure(spec)
    encodes()
    entries = sorted((own_home / "bitstreams").glob("*/??/*"))
    entries[5].write_bytes(entries[5].read_bytes()[:-3])
    entries[9].unlink()
    again = measure(spec, database=tmp_path / "another.db")
    assert encodes() == 2
    assert [first[key].result.measures for key in first] == [again[key].result.measures for key in first]


def test_other_parameters_are_other_bitstreams(measure, tmp_path):
    grey, colour = jpeg(50), jpeg(50, parameters=jpeg(50).parameters | {"chroma": "4:4:4"})
    for spec in (protocol(grey), protocol(colour)):
        expected = measure(spec, database=tmp_path / "fresh.db")["quality=50"].measure("bits_per_pixel")
        assert expected == measure(spec)["quality=50"].measure("bits_per_pixel")
    assert protocol(grey).digest != protocol(colour).digest


def test_the_codec_sees_each_models_geometry_where_that_comes_first(measure, encodes):
    spec = protocol(bits(8), order="geometry-then-compress")
    found = measure(spec)["bits=8"]
    assert encodes() == LIMIT
    assert found.measure("bytes_per_image").value == 9 + 150 * 150 * 3
    measure(spec, "Darkness")
    assert encodes() == 0  # another model, the same geometry: the same pixels


def originals(limit=LIMIT):
    dataset = registry.load("dataset", "pv-cells", split="test").plugin
    return [dataset.read(sample).image for sample in dataset.samples()[:limit]]


def jpeg_rate(image, setting):
    codec = registry.load("codec", "jpeg").plugin
    return 8 * len(codec.encode(image, setting)) / (image.shape[0] * image.shape[1])


@pytest.mark.parametrize("target", [0.2, 1.0])
def test_a_target_for_each_image_is_met_image_by_image(measure, target):
    stored = measure(protocol(jpeg(target, axis="bpp-per-image")))[f"bpp={target}"]
    settings = registry.load("codec", "jpeg").plugin.settings()
    rates = []
    for image in originals():
        best = nearest(settings, lambda setting, image=image: jpeg_rate(image, setting), target)
        rates.append(jpeg_rate(image, best))
    assert stored.measure("bits_per_pixel").value == pytest.approx(np.mean(rates), rel=1e-12)
    assert stored.measure("bits_per_pixel_p95").value == pytest.approx(np.percentile(rates, 95), rel=1e-12)
    assert abs(stored.measure("bits_per_pixel").value - target) < 0.05 * target


def test_a_target_for_the_split_is_one_setting_whose_mean_is_nearest(measure):
    stored = measure(protocol(jpeg(0.5, axis="bpp-per-dataset")))["bpp=0.5"]
    settings = registry.load("codec", "jpeg").plugin.settings()
    means = {setting: np.mean([jpeg_rate(image, setting) for image in originals()]) for setting in settings}
    best = min(settings, key=lambda setting: abs(means[setting] - 0.5))
    assert stored.measure("bits_per_pixel").value == pytest.approx(means[best], rel=1e-12)
    assert stored.measure("bits_per_pixel_p5").value < means[best] < stored.measure("bits_per_pixel_p95").value


def test_targets_share_the_images_they_encode(measure, encodes):
    measure(protocol(bits(3.0, 9.0, 20.0, axis="bpp-per-dataset")))
    assert encodes() <= 8 * LIMIT  # there are eight settings


def test_a_target_out_of_reach_is_measured_at_the_end_of_the_scale(measure, encodes):
    stored = measure(protocol(bits(0.1, 100.0, axis="bpp-per-image")))
    assert stored["bpp=0.1"].measure("bits_per_pixel").value == pytest.approx(3, rel=1e-3)
    assert stored["bpp=100.0"].measure("bits_per_pixel").value == pytest.approx(24, rel=1e-3)


def test_the_setting_of_each_image_is_kept(measure, encodes, tmp_path):
    stored = measure(protocol(bits(10.0, axis="bpp-per-image")))["bpp=10.0"]
    table = outcomes.read(outcomes.outcomes_directory(tmp_path / "results.db"), stored.result.frames)
    assert table["setting"].to_pylist() == ["bits=3"] * LIMIT


@pytest.mark.parametrize(
    ("codec", "message"),
    [
        (jpeg("low", axis="bpp-per-image"), "are no rates in bits per pixel"),
        (jpeg(0.0, axis="bpp-per-dataset"), "are no rates in bits per pixel"),
        (jpeg(0.5, axis="bpp-per-year"), "axis"),
    ],
)
def test_a_target_that_is_none_is_refused(codec, message, tmp_path):
    text = (
        protocols.DIRECTORY.joinpath("pv-cells@1.toml").read_text().replace('name = "pv-cells"\n', 'name = "toy"\n', 1)
    )
    value = msgspec.json.encode(list(codec.values)).decode()
    text = text.replace("values = [10, 20, 30, 40, 50, 60, 70, 80, 90]", f'values = {value}\naxis = "{codec.axis}"')
    file = tmp_path / "toy.toml"
    file.write_text(text)
    with pytest.raises(InvalidProtocol, match=message):
        protocols.load(str(file))
