"""Pictures of samples: the very files of the dataset, and what the protocol's codec makes of them, without torch."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from suite import registry
from suite.report import thumbnails
from suite.report.thumbnails import gallery, needs_network, png
from tests.db.measured import ref
from tests.leaderboard.paired import JPEG, SPEC, condition_of

ROOT = Path(__file__).parents[2]
replaced = msgspec.structs.replace


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_pictures_are_the_originals_and_what_libjpeg_makes_of_them():
    found = gallery(condition_of(10), [3, 500])
    dataset = registry.load("dataset", "pv-cells", split="test").plugin
    assert set(found.pictures) == {3, 500}
    assert found.classes == ("functional", "defective")
    for place, picture in found.pictures.items():
        original = dataset.read(dataset.samples()[place]).image
        assert picture.id == dataset.samples()[place].id
        np.testing.assert_array_equal(pixels(picture.original), original)
        out = io.BytesIO()
        Image.fromarray(original).save(out, "JPEG", quality=10)  # Pillow's defaults: 4:2:0, as the protocol states
        np.testing.assert_array_equal(pixels(picture.compressed), np.asarray(Image.open(out)))
    assert found.notes[0].startswith("Pictures: pv-cells; Buerhop-Lutz")
    assert "CC-BY-NC-SA-4.0" in found.notes[0]
    assert found.notes[1].startswith("Compressed here by the codec of the run: jpeg@1, OpenCV ")
    assert len(found.notes) == 2


def test_the_originals_have_no_compressed_version():
    found = gallery(condition_of(None), [0])
    assert found.pictures[0].compressed is None
    assert len(found.notes) == 1


def test_another_build_is_named():
    theirs = replaced(condition_of(10).codec, digest="sha256:" + "0" * 64, build="Pillow 9.0.0, libjpeg 6b")
    found = gallery(condition_of(10, codec=theirs), [0])
    assert found.pictures[0].compressed is not None
    assert "Pixels may differ from the run's" in found.notes[1]
    assert "the run used jpeg@1, Pillow 9.0.0, libjpeg 6b, sha256:000" in found.notes[1]


def test_an_unknown_parameter_of_the_codec_leaves_the_originals():
    found = gallery(condition_of(10, parameters=JPEG.parameters | {"wavelets": True}), [0])
    assert found.pictures[0].compressed is None
    assert "wavelets" in found.notes[1]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"order": "geometry-then-compress"}, "the model's own crop"),
        ({"axis": "bpp-per-dataset", "parameter": "bpp", "value": 0.5, "searched": "quality"}, "over the whole split"),
        ({"codec": ref("codec", "pv-factorized")}, "the codec is a network"),
        ({"codec": ref("codec", "of-somebody")}, "no installed package has a codec 'of-somebody'"),
    ],
)
def test_what_cannot_be_shown_says_why(changes, why):
    found = gallery(condition_of(10, **changes), [0])
    assert found.pictures[0].compressed is None
    assert why in found.notes[1]


def test_a_rate_for_each_image_is_searched_as_in_a_run():
    on = condition_of(10, axis="bpp-per-image", parameter="bpp", value=0.3, searched="quality")
    picture = gallery(on, [0]).pictures[0]
    codec = registry.load("codec", "jpeg", **JPEG.parameters).plugin
    original = pixels(picture.original)
    rates = {each: 8 * len(codec.encode(original, each)) / original[..., 0].size for each in codec.settings()}
    nearest = min(rates, key=lambda each: abs(rates[each] - 0.3))
    np.testing.assert_array_equal(pixels(picture.compressed), codec.decode(codec.encode(original, nearest)))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dataset": ref("dataset", "my-own-photos")}, "is not one that ships with a package"),
        ({"dataset": ref("dataset", "image-folder")}, "cannot be made"),
        ({"manifest": "sha256:other"}, "are not those of the run"),
    ],
)
def test_only_the_runs_samples_of_shipped_datasets_are_shown(changes, why):
    found = gallery(condition_of(10, **changes), [0])
    assert found.pictures == {}
    assert why in found.notes[0]


def test_a_recorded_name_never_runs_a_file(tmp_path):
    (tmp_path / "evil.py").write_text("raise SystemExit('was run')")
    found = gallery(condition_of(10, codec=ref("codec", f"{tmp_path}/evil.py:Codec")), [0])
    assert "no installed package has a codec" in found.notes[1]
    found = gallery(condition_of(10, dataset=ref("dataset", f"{tmp_path}/evil.py:Dataset")), [0])
    assert "is not one that ships with a package" in found.notes[0]


@pytest.mark.parametrize("place", [-1, 526])
def test_a_place_beyond_the_samples_has_no_picture(place):
    assert "are not those of the run" in gallery(condition_of(10), [0, place]).notes[0]


def test_a_codec_that_raises_anything_is_named(monkeypatch):
    def broken(*_):
        raise ValueError("no such luck")

    monkeypatch.setattr(thumbnails, "code", lambda *_, **__: broken())
    assert "ValueError: no such luck" in gallery(condition_of(10), [0]).notes[1]


def test_large_images_become_small():
    assert pixels(png(np.zeros((900, 1200, 3), np.uint8))).shape == (225, 300, 3)


def test_networks_are_told_from_codecs_without_running_either():
    names = [name for name in registry.names("codec") if needs_network(name)]
    assert {"pv-factorized", "mbt2018"} <= set(names)
    assert {codec.name for codec in SPEC.codecs} & set(names) == set()
    assert not any(needs_network(name) for name in ("jpeg", "jpeg2000", "webp", "avif", "heif", "jpegxl", "hevc-intra"))


def test_no_page_with_pictures_loads_torch():
    code = (
        "import sys, hashlib\n"
        "from leaderboard.views import compare\n"
        "from suite.report.thumbnails import gallery\n"
        "from tests.leaderboard.paired import condition_of\n"
        "from tests.db.measured import ref\n"
        "gallery(condition_of(10, codec=ref('codec', 'pv-factorized')), [0])\n"
        "picture = gallery(condition_of(10), [0]).pictures[0]\n"
        "print('torch' in sys.modules, hashlib.sha256(picture.compressed).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    here = hashlib.sha256(gallery(condition_of(10), [0]).pictures[0].compressed).hexdigest()
    assert done.stdout.split() == ["False", here]
