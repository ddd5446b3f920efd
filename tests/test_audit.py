"""An audit of files whose history is known, because the tests made them."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from suite import protocols, registry
from suite.audit import Audited, audit, audited, expected_drop, libjpeg_tables, quality_of
from suite.cli.main import app
from suite.contracts.specimens import photo
from suite.errors import MissingData, UsageError
from suite.progress import Silent
from suite.report import audit as report
from tests.db.measured import Laboratory, protocol


def jpeg(image, **options):
    stream = io.BytesIO()
    Image.fromarray(np.asarray(image)).save(stream, "JPEG", **options)
    return stream.getvalue()


def again(data, **options):
    """Decode a JPEG and save it once more."""
    return jpeg(Image.open(io.BytesIO(data)).convert("RGB"), **options)


@pytest.fixture
def look(tmp_path):
    def look(data, name="photo.jpg"):
        (tmp_path / name).write_bytes(data)
        return audited(tmp_path / name, name)

    return look


@pytest.mark.parametrize("quality", range(1, 101))
def test_libjpegs_tables_give_their_quality_exactly(look, quality):
    found = look(jpeg(photo(24, 31), quality=quality))
    assert (found.codec, found.quality_is_exact) == ("jpeg", True)
    # The lowest and the highest qualities share their tables: any of those is right.
    assert libjpeg_tables()[found.quality] == libjpeg_tables()[quality]


def test_other_tables_give_the_nearest_quality(look):
    flat = look(jpeg(photo(24, 31), qtables=[[10] * 64, [10] * 64]))
    assert flat.quality_is_exact is False
    assert 70 < flat.quality < 95
    near = [max(1, step + (number % 7 == 0)) for number, step in enumerate(libjpeg_tables()[60][0])]
    assert quality_of({0: tuple(near)}) == (60, False)


@pytest.mark.parametrize(("subsampling", "chroma"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
@pytest.mark.parametrize("progressive", [False, True])
def test_chroma_and_scans_are_told(look, subsampling, chroma, progressive):
    found = look(jpeg(photo(33, 47), subsampling=subsampling, progressive=progressive))
    assert (found.chroma, found.progressive, found.width, found.height) == (chroma, progressive, 47, 33)
    assert found.bits_per_pixel == 8 * found.byte_count / (33 * 47)


def test_grey_has_no_chroma(look):
    found = look(jpeg(photo(64, 64)[..., 0], quality=80))
    assert (found.chroma, found.quality, found.quality_is_exact) == ("4:0:0", 80, True)


def cells():
    dataset = registry.load("dataset", "pv-cells", split="train").plugin
    return [dataset.read(sample).image for sample in dataset.samples()[40::400]]


@pytest.mark.parametrize("image", [*(photo(300, 400, seed) for seed in range(20, 23)), *cells()[:3]])
def test_a_second_finer_quantisation_is_found_and_a_first_one_is_none(look, image):
    for quality in (50, 75, 85, 95):
        assert look(jpeg(image, quality=quality)).compressed_twice is False
    for first, second in ((50, 75), (60, 85), (75, 90), (75, 95)):
        assert look(again(jpeg(image, quality=first), quality=second)).compressed_twice is True


def test_too_small_an_image_shows_nothing(look):
    assert look(jpeg(photo(7, 9))).compressed_twice is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "UnidentifiedImageError"),
        (b"no image at all", "UnidentifiedImageError"),
        (jpeg(photo(64, 64))[:300], "runcated"),
    ],
)
def test_what_cannot_be_read_says_so(look, data, problem):
    found = look(data)
    assert problem in found.problem
    assert found.byte_count == len(data)


@pytest.mark.parametrize(
    ("name", "codec"), [("heif", "heif"), ("jpegxl", "jpegxl"), ("webp", "webp"), ("avif", "avif")]
)
def test_other_codecs_are_named(look, name, codec):
    plugin = registry.load("codec", name).plugin
    found = look(plugin.encode(photo(40, 30), plugin.settings()[-2]), f"photo.{name[:4]}")
    assert (found.codec, found.problem, found.quality) == (codec, "", None)


def test_a_folder_is_audited_at_any_depth_in_order(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.JPG", "a.png", "deep/er/c.jpeg", "notes.txt"):
        (tmp_path / name).write_bytes(jpeg(photo(16, 16)))
    assert [found.path for found in audit(tmp_path, Silent())] == ["a.png", "b.JPG", "deep/er/c.jpeg"]
    with pytest.raises(MissingData, match="There is no image in"):
        list(audit(tmp_path / "deep" / "er" / "nowhere", Silent()))


def of_quality(*qualities):
    return [Audited(path=str(q), byte_count=1, codec="jpeg", quality=q) for q in qualities]


def test_the_expected_drop_is_read_off_the_curve():
    found = expected_drop(of_quality(10, 20, 40, 95, None), [(90, 0.0), (10, 0.2), (30, 0.1)])
    assert found.mean == pytest.approx((0.2 + 0.15 + 0.1 * 50 / 60 + 0.0) / 4)
    assert (found.highest, found.images, found.beyond) == (pytest.approx(0.2), 4, 1)
    assert expected_drop(of_quality(None), [(10, 0.1)]) is None
    assert expected_drop(of_quality(10), []) is None


def test_the_curve_is_that_of_the_model_under_the_protocol(tmp_path):
    laboratory, spec = Laboratory(tmp_path), protocol()
    laboratory.record_entry(spec, {None: 0.9, 10: 0.5, 90: 0.85})
    curve = report.jpeg_curve(laboratory.engine, spec, "net")
    assert curve == [(10.0, pytest.approx(0.4)), (90.0, pytest.approx(0.05))]
    with pytest.raises(UsageError, match="Did you mean 'net'"):
        report.jpeg_curve(laboratory.engine, spec, "nett")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for number, quality in enumerate((30, 50, 90)):
        (tmp_path / "images" / f"<b>{number}.jpg").write_bytes(jpeg(photo(80, 90, number), quality=quality))
    (tmp_path / "images" / "broken.jpg").write_bytes(b"broken")
    return tmp_path / "images"


def test_the_command_says_writes_and_exports(folder, tmp_path, monkeypatch):
    laboratory, spec = Laboratory(tmp_path), protocol()
    laboratory.record_entry(spec, {None: 0.9, 10: 0.5, 90: 0.85})
    monkeypatch.setattr(protocols, "load", lambda name: spec)
    outputs = [tmp_path / "audit.csv", tmp_path / "audit.html"]
    options = ["--csv", outputs[0], "--html", outputs[1], "--model", "net", "--database", laboratory.path]
    done = CliRunner().invoke(app, ["audit", str(folder), *map(str, options)])
    assert done.exit_code == 0, done.output
    assert "net is expected to lose" in done.stdout
    assert "broken.jpg: UnidentifiedImageError" in done.stdout
    rows = list(csv.DictReader(outputs[0].read_text().splitlines()))
    assert [(row["codec"], row["quality"]) for row in rows] == [
        ("jpeg", "30"),
        ("jpeg", "50"),
        ("jpeg", "90"),
        ("", ""),
    ]
    page = outputs[1].read_text()
    assert page.count("<svg") == 2
    assert "&lt;b&gt;0.jpg" in page
    assert "<b>0.jpg" not in page
    assert "http" not in page  # it needs no network


def test_the_command_prints_json(folder):
    done = CliRunner().invoke(app, ["audit", str(folder), "--json"])
    found = json.loads(done.stdout)
    assert [image["quality"] for image in found["images"]] == [30, 50, 90, None]
    assert found["expected_drop"] is None
