"""The conformance checks: they pass what keeps its contract, and each names what a broken plugin breaks."""

import itertools
import random
import threading
from typing import ClassVar

import numpy as np
import pytest

from suite import contracts
from suite.api import Classification, Sample, Setting, Source
from suite.contracts.specimens import MUTATIONS, locked, mutations, photo
from suite.errors import CodecError, UnknownPlugin, UsageError
from tests.fake_models import BROKEN, Brightness, NoPredict
from tests.fakes import Greys, Negative, TopBits


def failed(findings):
    """Return the names of the checks that failed, each with a message."""
    assert all(finding.message for finding in findings if not finding.ok)
    assert all(not finding.message for finding in findings if finding.ok)
    return [finding.check for finding in findings if not finding.ok]


@pytest.mark.parametrize(
    ("check", "plugin", "names"),
    [
        (
            contracts.check_codec,
            TopBits(),
            ["interface", "settings", "sizes", "refusals", "deterministic", "threads", "rate", "garbage"],
        ),
        (contracts.check_dataset, Greys(), ["interface", "samples", "read", "digests"]),
        (
            contracts.check_model,
            Brightness(),
            ["interface", "load", "geometry", "predictions", "deterministic", "batch", "threads"],
        ),
        (contracts.check_restoration, Negative(), ["interface", "load", "images", "deterministic"]),
    ],
    ids=["codec", "dataset", "model", "restoration"],
)
def test_what_keeps_its_contract_passes_every_check(check, plugin, names):
    findings = check(plugin)
    assert failed(findings) == []
    assert [finding.check for finding in findings] == names


# Codecs


class NoSettings(TopBits):
    def settings(self):
        return []


class SettingsTwice(TopBits):
    def settings(self):
        return [Setting("bits", 4), Setting("bits", 4)]


class HighestFirst(TopBits):
    def settings(self):
        return super().settings()[::-1]


class RowShort(TopBits):
    def decode(self, data):
        image = super().decode(data)
        return image[:-1] if len(image) > 1 else image


class Floats(TopBits):
    def decode(self, data):
        return super().decode(data).astype(np.float32)


class ByteArrays(TopBits):
    def encode(self, image, setting):
        return bytearray(super().encode(image, setting))


class TakesGrey(TopBits):
    def encode(self, image, setting):
        return super().encode(np.stack([image] * 3, axis=-1) if image.ndim == 2 else image, setting)


class RefusesWithValueError(TopBits):
    def encode(self, image, setting):
        if image.dtype != np.uint8:
            raise ValueError("not this")
        return super().encode(image, setting)


class TakesAnySetting(TopBits):
    def encode(self, image, setting):
        return super().encode(image, Setting("bits", setting.value))


class Random(TopBits):
    def decode(self, data):
        noise = np.uint8(random.randrange(256))  # noqa: S311 - not for secrets
        return super().decode(data) ^ noise


class WritesToItsInput(TopBits):
    def encode(self, image, setting):
        if isinstance(image, np.ndarray) and image.ndim == 3:
            image[...] = 0
        return super().encode(image, setting)


class SharedState(TopBits):
    """Keeps its input in itself while it works: two threads mix their images."""

    lock = threading.Barrier(2)
    kept: ClassVar = {}

    def encode(self, image, setting):
        self.kept["image"] = image
        try:
            self.lock.wait(timeout=0.01)
        except threading.BrokenBarrierError:
            self.lock.reset()
        return super().encode(self.kept["image"], setting)


class TrustsItsInput(TopBits):
    def decode(self, data):
        try:
            return super().decode(data)
        except CodecError:
            raise IndexError("out of range") from None


class WarnsOfGarbage(TopBits):
    def decode(self, data):
        try:
            return super().decode(data)
        except CodecError:
            return None


@pytest.mark.parametrize(
    ("codec", "checks"),
    [
        (object, {"interface"}),
        (NoSettings, {"settings"}),
        (SettingsTwice, {"settings"}),
        (HighestFirst, {"rate"}),
        (RowShort, {"sizes"}),
        (Floats, {"sizes", "garbage"}),
        (ByteArrays, {"sizes"}),
        (TakesGrey, {"refusals"}),
        (RefusesWithValueError, {"refusals"}),
        (TakesAnySetting, {"refusals"}),
        (Random, {"deterministic", "threads"}),
        (WritesToItsInput, {"sizes", "refusals", "deterministic", "threads", "rate", "garbage"}),
        (SharedState, {"threads"}),
        (TrustsItsInput, {"garbage"}),
        (WarnsOfGarbage, {"garbage"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_broken_codecs_fail_the_check_that_they_break(codec, checks):
    assert set(failed(contracts.check_codec(codec()))) == checks


# Datasets


class Doubled(Greys):
    def samples(self):
        return [*super().samples(), super().samples()[0]]


class NoSamples(Greys):
    def samples(self):
        return []


class ShortDigests(Greys):
    def samples(self):
        return [sample._replace(sha256=sample.sha256[:12]) for sample in super().samples()]


class TruthOutOfRange(Greys):
    def samples(self):
        return [sample._replace(truth=sample.truth + 1) for sample in super().samples()]


class OneClass(Greys):
    classes = ("grey",)


class Shuffled(Greys):
    def samples(self):
        return random.sample(super().samples(), self.count)


class GreyImages(Greys):
    def read(self, sample):
        return Source(super().read(sample).image[..., 0], 80)


class NoByteCount(Greys):
    def read(self, sample):
        return Source(super().read(sample).image, 0)


class Unsteady(Greys):
    count_of_reads = itertools.count()

    def read(self, sample):
        source = super().read(sample)
        return Source(source.image + np.uint8(next(self.count_of_reads) % 251), source.byte_count)


class Unchecked(Greys):
    def read(self, sample):
        known = {other.id: other for other in self.samples()}
        return super().read(known[sample.id])


class MissingPackage(Greys):
    def samples(self):
        raise FileNotFoundError("images.zip")


@pytest.mark.parametrize(
    ("dataset", "checks"),
    [
        (object, {"interface"}),
        (Doubled, {"samples"}),
        (NoSamples, {"samples"}),
        (ShortDigests, {"samples"}),
        (TruthOutOfRange, {"samples"}),
        (OneClass, {"samples"}),
        (Shuffled, {"samples"}),
        (GreyImages, {"read"}),
        (NoByteCount, {"read"}),
        (Unsteady, {"read"}),
        (Unchecked, {"digests"}),
        (MissingPackage, {"samples"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_broken_datasets_fail_the_check_that_they_break(dataset, checks):
    assert set(failed(contracts.check_dataset(dataset()))) == checks


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (7, 7), (20, 20), (50, 20)])
def test_a_dataset_is_read_up_to_the_limit(limit, expected):
    read = set()

    class Counting(Greys):
        def read(self, sample):
            read.add(sample.id)
            return super().read(sample)

    assert failed(contracts.check_dataset(Counting(), limit)) == []
    assert len(read | {"grey-0"}) == expected


# Models


class Unrepeatable(Brightness):
    calls = itertools.count()

    def predict(self, images, frames):
        drift = np.float32(next(self.calls))
        return [Classification(prediction.scores + drift) for prediction in super().predict(images, frames)]


class SeesItsNeighbours(Brightness):
    def predict(self, images, frames):
        mean = np.mean([image.mean() for image in images])
        return [Classification(np.array([100, mean], np.float32)) for _ in images]


class SeesItsPosition(Brightness):
    def predict(self, images, frames):
        return [Classification(np.array([position, 9], np.float32)) for position in range(len(images))]


class Doubles(Brightness):
    def predict(self, images, frames):
        return [Classification(prediction.scores.astype(float)) for prediction in super().predict(images, frames)]


class NotThreadSafe(Brightness):
    busy = threading.Lock()

    def predict(self, images, frames):
        if not self.busy.acquire(blocking=False):
            raise RuntimeError("in use")
        try:
            threading.Event().wait(0.005)
            return super().predict(images, frames)
        finally:
            self.busy.release()


class SaysItIsNotThreadSafe(NotThreadSafe):
    thread_safe = False


class OtherInEveryLayout(Brightness):
    layouts = ("a", "b")
    layout = "a"

    def use_layout(self, layout):
        self.layout = layout

    def predict(self, images, frames):
        offset = np.float32(10 * (self.layout == "b"))
        return [Classification(prediction.scores + offset) for prediction in super().predict(images, frames)]


FAILS = {
    "raises-on-load": {"load"},
    "bad-geometry": {"geometry"},
}


@pytest.mark.parametrize("model", BROKEN, ids=lambda model: model.name)
def test_broken_models_fail_before_anything_builds_on_them(model):
    assert set(failed(contracts.check_model(model()))) == FAILS.get(model.name, {"predictions"})


@pytest.mark.parametrize(
    ("model", "checks"),
    [
        (NoPredict, {"interface"}),
        (Doubles, {"predictions"}),
        (Unrepeatable, {"deterministic", "batch", "threads"}),
        (SeesItsNeighbours, {"batch"}),
        (SeesItsPosition, {"batch"}),
        (NotThreadSafe, {"threads"}),
        (SaysItIsNotThreadSafe, set()),
        (OtherInEveryLayout, {"layouts"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_broken_models_fail_the_check_that_they_break(model, checks):
    assert set(failed(contracts.check_model(model()))) == checks


def test_a_member_that_is_missing_is_named():
    (finding,) = contracts.check_model(NoPredict())
    assert "predict" in finding.message


def test_an_exception_becomes_a_message():
    finding = contracts.check_model(BROKEN[0]())[-1]
    assert finding.message == "it raised ValueError: the sky is falling"


# Restorations


class OneShort(Negative):
    def restore(self, frames):
        return super().restore(frames)[:-1]


class Cropped(Negative):
    def restore(self, frames):
        return [image[:8, :8] for image in super().restore(frames)]


class InPlace(Negative):
    def restore(self, frames):
        for frame in frames:
            np.subtract(255, frame.image, out=frame.image)
        return [frame.image for frame in frames]


class Dithered(Negative):
    noise = np.random.default_rng(0)

    def restore(self, frames):
        return [self.noise.integers(0, 256, frame.image.shape, dtype=np.uint8) for frame in frames]


@pytest.mark.parametrize(
    ("restoration", "checks"),
    [
        (object, {"interface"}),
        (OneShort, {"images"}),
        (Cropped, {"images"}),
        (InPlace, {"images", "deterministic"}),
        (Dithered, {"deterministic"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_broken_restorations_fail_the_check_that_they_break(restoration, checks):
    assert set(failed(contracts.check_restoration(restoration()))) == checks


class Retrained:
    name, version, weights_for = "retrained", "1", ("brightness",)

    def models(self):
        return self.weights_for

    def adapt(self, model):
        return model


def test_retrainings_name_their_models():
    assert failed(contracts.check_retraining(Retrained())) == []
    broken = Retrained()
    broken.weights_for = ()
    assert failed(contracts.check_retraining(broken)) == ["models"]


# By name


@pytest.mark.parametrize(("kind", "name"), [("codec", "jpeg"), ("dataset", "pv-cells"), ("mitigation", "none")])
def test_plugins_are_examined_by_name(kind, name):
    assert failed(contracts.check(kind, name, limit=4)) == []


def test_files_are_examined_by_name(fake):
    assert failed(contracts.check("model", fake("Brightness"))) == []
    assert failed(contracts.check("model", fake("Raises"))) == ["predictions"]


def test_a_plugin_that_cannot_be_made_is_a_finding(fake):
    (finding,) = contracts.check("model", fake("NoPredict"))
    assert (finding.check, finding.ok) == ("made", False)
    assert "predict" in finding.message


def test_unknown_names_and_kinds_are_errors():
    with pytest.raises(UnknownPlugin, match=r"Did you mean 'jpeg'\?"):
        contracts.check("codec", "jpge")
    with pytest.raises(UsageError, match="codec, dataset, model, mitigation"):
        contracts.check("modle", "brightness")


# What the checks show to plugins


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (50, 1), (3, 2), (200, 300)])
def test_photographs_are_rgb_the_same_every_time_and_locked(height, width):
    image = photo(height, width)
    assert (image.shape, image.dtype) == ((height, width, 3), np.uint8)
    assert np.array_equal(image, photo(height, width))
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 1


def test_photographs_use_the_whole_range_and_are_smooth_as_photographs_are():
    image = photo(256, 256).astype(float)
    assert (image.min(), image.max()) == (0, 255)
    neighbours = np.corrcoef(image[:, :-1].ravel(), image[:, 1:].ravel())[0, 1]
    assert 0.9 < neighbours < 0.9999
    assert not np.array_equal(image, photo(256, 256, seed=1))


def test_mutations_are_many_different_and_the_same_every_time():
    stream = bytes(range(256)) * 2
    damaged = list(mutations(stream))
    assert len(damaged) == MUTATIONS
    assert damaged == list(mutations(stream))
    assert len(set(damaged)) > 0.9 * MUTATIONS
    assert sum(len(each) == len(stream) for each in damaged) > MUTATIONS / 3


def test_locking_refuses_writes():
    with pytest.raises(ValueError, match="read-only"):
        locked(np.zeros((1, 1, 3), np.uint8))[0] = 1


def test_a_sample_is_what_the_fakes_say():
    assert Greys().samples()[11] == Sample("grey-11", Greys().samples()[11].sha256, 1)
