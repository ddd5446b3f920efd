"""Both families of mitigations through a whole run, and the other order of compression and geometry."""

import msgspec
import numpy as np
import pytest

from suite import protocols, registry, runner
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.lineup import Choice
from suite.tuning import Wish
from tests import fake_mitigations

SPEC = protocols.load("pv-cells@1")
IMAGES = 24


@pytest.fixture
def measure(tmp_path, fake):
    def run(*mitigations, models=("Brightness",), spec=SPEC, settings=("10",)):
        names = tuple(f"{fake_mitigations.__file__}:{name}" for name in mitigations)
        choice = Choice(models=tuple(map(fake, models)), mitigations=names, settings=settings, limit=IMAGES)
        database = tmp_path / "r.db"
        runner.run(spec, choice, database=database, device="cpu", wish=Wish(batch=5, workers=2))
        found = queries.results(open_for_reading(database))
        return {(r.result.cell.mitigation.name, str(r.result.cell.condition)): r for r in found}

    return run


def accuracy(bright, truths):
    return np.mean(np.array(bright) == truths)


@pytest.fixture
def seen():
    """Give what Brightness is shown of the first images at quality 10, and the truths."""
    dataset, jpeg = registry.load("dataset", "pv-cells", split="test").plugin, registry.load("codec", "jpeg").plugin
    samples = dataset.samples()[:IMAGES]
    setting = SPEC.codecs[0].settings()[0]
    frames = [jpeg.decode(jpeg.encode(dataset.read(sample).image, setting)) for sample in samples]
    return frames, np.array([sample.truth for sample in samples])


def test_a_restoration_stands_in_front_of_the_model(measure, seen):
    frames, truths = seen
    found = measure("Invert")
    plain, inverted = (
        [image[::2, ::2].mean() > 100 for image in images] for images in (frames, [255 - f for f in frames])
    )
    assert found["none", "jpeg quality=10"].measure("top1").value == accuracy(plain, truths)
    assert found["invert", "jpeg quality=10"].measure("top1").value == accuracy(inverted, truths)


def test_a_restoration_gets_the_bitstream(measure):
    assert measure("ReadsBitstreams")["reads-bitstreams", "jpeg quality=10"].result.status == "ok"


def test_a_retraining_stands_in_for_the_model(measure):
    found = measure("Opposite")
    for condition in ("original", "jpeg quality=10"):
        right = found["none", condition].measure("top1").value
        assert found["opposite", condition].measure("top1").value == pytest.approx(1 - right)


def test_mitigations_of_one_file_are_told_apart(measure):
    both = measure("Invert", "Opposite", "Shrinks")
    invert, opposite = (both[name, "jpeg quality=10"].measure("top1").value for name in ("invert", "opposite"))
    none = both["none", "jpeg quality=10"].measure("top1").value
    assert both["shrinks", "jpeg quality=10"].result.status == "failed"
    assert opposite == pytest.approx(1 - none)
    assert invert == measure("Invert")["invert", "jpeg quality=10"].measure("top1").value != opposite


@pytest.mark.parametrize(
    ("mitigation", "reason"), [("Shrinks", "a restored image to be uint8"), ("Forgets", "restored images, but got")]
)
def test_a_broken_restoration_fails_alone(measure, mitigation, reason):
    found = measure(mitigation)
    broken = found[mitigation.lower(), "jpeg quality=10"].result
    assert broken.status == "failed"
    assert reason in broken.reason
    assert found["none", "jpeg quality=10"].result.status == "ok"


def test_the_drop_is_taken_from_the_unmitigated_reference(measure, tmp_path):
    found = measure("Invert")
    ranking = queries.ranking(open_for_reading(tmp_path / "r.db"), SPEC.digest, released=True)
    rows = {row.mitigation.name: row for row in ranking.unranked}
    reference = found["none", "original"].measure("top1").value
    for name, row in rows.items():
        assert row.drops[0].drop == pytest.approx(reference - found[name, "jpeg quality=10"].measure("top1").value)


def test_geometry_first_compresses_what_the_model_sees(measure):
    spec = msgspec.structs.replace(SPEC, name="geometry-first", order="geometry-then-compress")
    result = measure(spec=spec)["none", "jpeg quality=10"]
    dataset, jpeg = registry.load("dataset", "pv-cells", split="test").plugin, registry.load("codec", "jpeg").plugin
    samples, setting = dataset.samples()[:IMAGES], SPEC.codecs[0].settings()[0]
    streams = [jpeg.encode(np.ascontiguousarray(dataset.read(sample).image[::2, ::2]), setting) for sample in samples]
    answers = [jpeg.decode(stream).mean() > 100 for stream in streams]
    assert result.measure("bytes_per_image").value == np.mean([len(stream) for stream in streams])
    assert result.measure("bits_per_pixel").value == pytest.approx(8 * np.mean([len(s) for s in streams]) / 150**2)
    assert result.measure("top1").value == accuracy(answers, [sample.truth for sample in samples])
