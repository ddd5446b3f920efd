"""The studies' protocols, whole: what they name, what is missing of them here, and a run of one on random weights."""

import hashlib
import io
import json
import shutil

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import get_model
from torchvision.transforms import functional

from suite import data, protocols, registry, runner
from suite.api import Sample
from suite.api.weights import RECORDS
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.errors import ManifestMismatch
from suite.lineup import Choice, line_up
from suite.progress import Silent
from suite.tuning import Wish

MNASNET = "torchvision:mnasnet1_0.IMAGENET1K_V1"
STUDIES = ("marie2022@1", "ehrlich2020@1", "janeiro2023@1")


@pytest.mark.parametrize("label", STUDIES)
def test_everything_that_is_missing_is_named_with_the_way_to_get_it(label):
    spec = protocols.load(label)
    tracks, absent = line_up(spec, Choice())
    assert tracks == ()
    by_kind = {kind: [item for item in absent if item.kind == kind] for kind in ("codec", "model", "dataset")}
    assert {item.name for item in by_kind["model"]} == {baseline.name for baseline in spec.tracks[0].baselines}
    for item in by_kind["model"]:
        assert f"suite data download {item.name}" in item.reason
        assert "suite data weights DIR" in item.reason
        assert item.published[0].file in item.reason
    assert "suite data add imagenet" in by_kind["dataset"][0].reason
    cells = (1 + sum(len(codec.values) for codec in spec.codecs)) * len(spec.tracks[0].baselines)
    assert by_kind["dataset"][0].cells == cells
    assert {item.name for item in by_kind["codec"]} - {"mbt2018", "cheng2020-attn"} <= {"bpg"}


@pytest.mark.parametrize("label", protocols.names())
def test_every_protocol_states_every_parameter_and_names_what_exists(label):
    spec = protocols.load(label)
    for entry in spec.codecs:
        plugin = registry.load("codec", entry.name, **entry.parameters).plugin
        assert registry.parameters_of(plugin) == entry.parameters
        assert plugin.version == entry.version
    for track in spec.tracks:
        assert [registry.load("model", name.name).ref.version for name in track.baselines] == ["1"] * len(
            track.baselines
        )


def test_a_study_has_the_settings_of_its_paper():
    settings = {codec.name: codec.values for codec in protocols.load("marie2022@1").codecs}
    assert settings == {"jpeg": (75, 10, 5), "jpeg2000": (75, 200, 400), "bpg": (41, 46, 51)}
    assert protocols.load("marie2022@1").order == "geometry-then-compress"
    assert protocols.load("ehrlich2020@1").codecs[0].values == tuple(range(10, 100, 10))
    assert {codec.axis for codec in protocols.load("janeiro2023@1").codecs[:2]} == {"bpp-per-dataset"}


@pytest.fixture
def mnasnet(tmp_path, own_home):
    """Register a file of random weights of the real architecture under the name of the published one."""
    torch.manual_seed(2611)
    network = get_model("mnasnet1_0", weights=None).eval()
    published = registry.load("model", MNASNET).plugin.published[0]
    file = tmp_path / published.file
    torch.save(network.state_dict(), file)
    record = {"path": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    (own_home / RECORDS).write_text(json.dumps({published.file: record}))
    return network


@pytest.fixture
def images(tmp_path, rng):
    """Register three photographs as ImageNet, and return them."""
    folder, names = tmp_path / "imagenet", [f"n{number:08}" for number in range(1000)]
    found = []
    for name, (height, width) in {"n00000003": (300, 400), "n00000800": (260, 230), "n00000999": (224, 224)}.items():
        (folder / name).mkdir(parents=True)
        pixels = rng.integers(0, 256, (height // 10, width // 10, 3), np.uint8)
        picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(folder / name / "photo.png")
        found.append(picture)
    (tmp_path / "classes.txt").write_text("\n".join(names))
    parameters = {"root": str(folder), "classes_file": str(tmp_path / "classes.txt")}
    data.add("imagenet", "image-folder", parameters, Silent())
    return found


def unpinned(spec):
    """Return the protocol without its samples, so that other images can stand in for them."""
    track = msgspec.structs.replace(spec.tracks[0], listing="")
    return msgspec.structs.replace(spec, name="toy", tracks=(track,))


def by_hand(picture, save):
    """Crop as torchvision does, then compress: the order of Marie et al."""
    crop = functional.center_crop(functional.resize(picture, [256]), [224])
    stream = io.BytesIO()
    crop.save(stream, **save)
    return len(stream.getvalue()), np.asarray(Image.open(io.BytesIO(stream.getvalue())).convert("RGB"))


def test_marie2022_measures_what_a_plain_loop_does(mnasnet, images, tmp_path):
    spec, database = unpinned(protocols.load("marie2022@1")), tmp_path / "r.db"
    choice = Choice(models=(MNASNET,), codecs=("jpeg", "jpeg2000"))
    report = runner.run(spec, choice, database=database, device="cpu", wish=Wish(1, 1))
    assert (report.stored, report.failed) == (7, ())
    stored = {str(found.result.cell.condition): found for found in queries.results(open_for_reading(database))}
    jpeg = {f"jpeg quality={q}": {"format": "JPEG", "quality": q, "subsampling": 2} for q in (75, 10, 5)}
    # Pillow's defaults of the paper's day, which are today's too: reversible, no colour transform.
    layers = {
        f"jpeg2000 quality_layer={ratio}": {"format": "JPEG2000", "quality_layers": [ratio]} for ratio in (75, 200, 400)
    }
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    for condition, options in (jpeg | layers).items():
        sizes, frames = zip(*(by_hand(picture, options) for picture in images), strict=True)
        measured = stored[condition]
        assert measured.measure("bytes_per_image").value == pytest.approx(np.mean(sizes))
        x = torch.stack([torch.from_numpy(frame.copy()).permute(2, 0, 1) for frame in frames]).float().div(255)
        with torch.inference_mode():
            answers = [int(mnasnet(each[None]).argmax()) for each in (x - mean[:, None, None]) / std[:, None, None]]
        right = [answer == truth for answer, truth in zip(answers, (3, 800, 999), strict=True)]
        assert measured.measure("top1").value == pytest.approx(np.mean(right))


def test_other_images_than_imagenets_are_refused_where_the_listing_is_pinned(images):
    with pytest.raises(ManifestMismatch, match=r"pins the names and classes of the 50,000 samples"):
        line_up(protocols.load("marie2022@1"), Choice())


def test_the_listing_covers_names_and_classes_but_not_bytes():
    samples = [Sample("n1/a.JPEG", "1" * 64, 0), Sample("n2/b.JPEG", "2" * 64, 1)]
    listing = data.listing_digest(samples)
    assert data.listing_digest([sample._replace(sha256="3" * 64) for sample in samples]) == listing
    assert data.listing_digest(samples[:1]) != listing
    assert data.listing_digest([samples[0], samples[1]._replace(truth=0)]) != listing


@pytest.mark.skipif(not (shutil.which("bpgenc") and shutil.which("bpgdec")), reason="needs bpgenc and bpgdec")
def test_marie2022_measures_bpg_where_its_programs_are(mnasnet, images, tmp_path):
    spec = unpinned(protocols.load("marie2022@1"))
    choice = Choice(models=(MNASNET,), codecs=("bpg",))
    report = runner.run(spec, choice, database=tmp_path / "r.db", device="cpu", wish=Wish(1, 1))
    assert (report.stored, report.failed) == (4, ())
