"""``torchvision:NAME.TAG`` against torchvision: geometry pixel for pixel, networks and logits as its builders' own.

No weights are at hand, so random ones of the real architecture stand in, saved under the published file's name.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from torch import nn
from torchvision.models import _api as torchvision_api
from torchvision.models import get_model, get_model_weights, mobilenet_v2, regnet

from plugins.models import torchvision_classifiers
from plugins.models.torchvision_classifiers import build, chosen, classifier, names
from suite import registry
from suite.api import WeightFile
from suite.api.weights import RECORDS, stated_digest
from suite.contracts import check_model
from suite.contracts.specimens import photo
from suite.digest import sha256_of_file
from suite.errors import AlteredWeights, InvalidPlugin, MissingWeights, UnknownPlugin, UsageError
from tests.networks import INFO, fed

WITHOUT_CLASSES = "vgg16.IMAGENET1K_FEATURES"
CLASSIFIERS = [name for name in names() if name != WITHOUT_CLASSES]
AT_MOST_ASPECT = 24


pytestmark = pytest.mark.usefixtures("one_thread")


def presets():
    """Return one member of each distinct preset, by what the preset says."""
    members = {}
    for member in CLASSIFIERS:
        preset = chosen(member).transforms()
        members.setdefault((repr(preset), preset.antialias), member)
    return sorted(members.values())


def not_too_long(height, width):
    """Return a size whose long side is at most AT_MOST_ASPECT times the short one: the geometry enlarges it all."""
    return max(height, -(-width // AT_MOST_ASPECT)), max(width, -(-height // AT_MOST_ASPECT))


def check_geometry(member, height, width):
    """Compare pixels and normalised input with the library's own preset on a Pillow image."""
    image, model, preset = photo(*not_too_long(height, width)), classifier(member), chosen(member).transforms()
    picture = PillowImage.fromarray(image)
    assert torch.equal(fed(model, image), preset(picture))
    preset.mean, preset.std = [0.0] * 3, [1.0] * 3
    pixels = preset(picture).mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    found = model.geometry(image)
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels)


SIZES = ((375, 500), (501, 333), (1, 1), (1, 20), (20, 1), (97, 640))


@pytest.mark.parametrize("member", presets())
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_preset_on_a_pillow_image_pixel_for_pixel(member, height, width):
    check_geometry(member, height, width)


@pytest.mark.parametrize("member", ["resnet50.IMAGENET1K_V1", "efficientnet_b3.IMAGENET1K_V1", "swin_t.IMAGENET1K_V1"])
@settings(max_examples=40)
@given(height=st.integers(1, 700), width=st.integers(1, 700))
@example(height=256, width=256)
@example(height=257, width=256)
@example(height=224, width=225)
@example(height=320, width=321)
@example(height=232, width=700)
def test_geometry_of_any_size_pixel_for_pixel(member, height, width):
    check_geometry(member, height, width)


def test_geometry_in_threads_is_that_of_one():
    images, model = [photo(90 + number, 120, number) for number in range(8)], classifier("resnet50.IMAGENET1K_V1")
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model.geometry, images * 4))
    assert all(np.array_equal(model.geometry(images[number % 8]), found) for number, found in enumerate(together))


def test_every_classifier_has_one_of_these_presets():
    assert len(CLASSIFIERS) > 100
    known = {repr(chosen(member).transforms()) for member in presets()}
    assert {repr(chosen(member).transforms()) for member in CLASSIFIERS} == known


def test_a_tensor_would_be_resized_otherwise():
    image, preset = photo(375, 500), chosen("resnet50.IMAGENET1K_V1").transforms()
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)
    assert not torch.equal(preset(tensor), preset(PillowImage.fromarray(image)))


def test_a_preset_of_another_kind_is_refused(monkeypatch):
    class Other:
        meta = {"categories": ["cat"]}  # noqa: RUF012 - as torchvision has it

        @staticmethod
        def transforms():
            return nn.Identity()

    monkeypatch.setattr(torchvision_classifiers, "chosen", lambda member: Other)
    with pytest.raises(InvalidPlugin, match="asks for the preset Identity"):
        classifier("resnet18.IMAGENET1K_V1")


# Names


@pytest.mark.parametrize("member", CLASSIFIERS)
def test_every_classifier_can_be_made(member):
    model, weights = classifier(member), chosen(member)
    assert model.name == f"torchvision:{member}"
    assert model.classes == len(weights.meta["categories"]) == 1000
    assert model.published[0].url == weights.url
    assert weights.url.endswith("/" + model.published[0].file)
    # Every file of torchvision states at least 8 digits of its digest, which torch.hub checks by this expression.
    assert model.published[0].sha256 == re.search(r"-([a-f0-9]{8,})\.", weights.url.rpartition("/")[2])[1]
    assert model.weights[0].sha256 == model.published[0].sha256


def test_a_family_of_the_registry():
    loaded = registry.load("model", "torchvision:mobilenet_v2.IMAGENET1K_V1")
    assert str(loaded.ref) == "torchvision:mobilenet_v2.IMAGENET1K_V1@1"
    assert loaded.card.summary == "mobilenet_v2 of torchvision, IMAGENET1K_V1, 224x224."
    assert loaded.card.parameters == sum(weight.numel() for weight in mobilenet_v2().parameters())


@pytest.mark.parametrize(
    ("member", "error", "message"),
    [
        (
            "resnet50",
            UsageError,
            "has the weights IMAGENET1K_V1, IMAGENET1K_V2: name them, as in torchvision:resnet50.",
        ),
        ("resnet50.IMAGENET1K_V3", UnknownPlugin, "Did you mean 'torchvision:resnet50.IMAGENET1K_V2'?"),
        ("renset50", UnknownPlugin, "No model is named 'torchvision:renset50'. Did you mean 'torchvision:resnet50'?"),
        ("Resnet50.IMAGENET1K_V1", UnknownPlugin, "Did you mean 'torchvision:resnet50.IMAGENET1K_V1'?"),
        ("resnet50.DEFAULT", UnknownPlugin, "Did you mean 'torchvision:resnet50'?"),
        ("fcn_resnet50.COCO_WITH_VOC_LABELS_V1", UnknownPlugin, "No model is named"),
        ("zzz" * 1000, UnknownPlugin, "Run 'suite plugins model' for the list."),
        (WITHOUT_CLASSES, UsageError, "has features and no trained classes"),
    ],
)
def test_a_wrong_name_is_explained(member, error, message):
    with pytest.raises(error) as caught:
        registry.load("model", f"torchvision:{member}")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


# Networks


@contextmanager
def library_given(state, monkeypatch):
    """Let torchvision's own builders find ``state`` where they would download it."""
    with monkeypatch.context() as patched:
        patched.setattr(torchvision_api, "load_state_dict_from_url", lambda url, **options: state)
        yield


@pytest.fixture
def depths_on_the_cpu(monkeypatch):
    """Let RegNet compute its depths, which it does with tensors, though the network has none that hold anything."""
    compute = regnet.BlockParams.from_init_params

    def on_the_cpu(**given):
        with torch.device("cpu"):
            return compute(**given)

    monkeypatch.setattr(regnet.BlockParams, "from_init_params", on_the_cpu)


@pytest.mark.usefixtures("depths_on_the_cpu")
@pytest.mark.parametrize("member", CLASSIFIERS)
def test_networks_are_built_as_the_library_builds_them(member, monkeypatch):
    name, _, tag = member.partition(".")
    weights = get_model_weights(name)[tag]
    given_state = {}
    monkeypatch.setattr(torchvision_classifiers, "read_state", lambda file: given_state)
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda self, state: None)
    with torch.device("meta"), library_given(given_state, monkeypatch):
        ours, theirs = build(name, weights, WeightFile("x", "", "")), get_model(name, weights=weights)
    for network in (ours, theirs):
        # Heads for training, which torchvision takes off again for googlenet only and which evaluation never runs.
        if name == "googlenet":
            network.aux1 = network.aux2 = None
    assert repr(ours) == repr(theirs)
    assert getattr(ours, "transform_input", None) == getattr(theirs, "transform_input", None)
    shapes = [{key: value.shape for key, value in net.state_dict().items()} for net in (ours, theirs)]
    assert shapes[0] == shapes[1]


def random_state(name, **options):
    """Return a state of an architecture with random weights and statistics, as `torch.save` would get it."""
    with torch.random.fork_rng():
        torch.manual_seed(2611)
        network = get_model(name, weights=None, **options)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return network.state_dict()


def recorded_as(published, state, home, **options):
    """Save a state under the published file's name and record it, without the digest that the name states."""
    path = home / published.file
    torch.save(state, path, **options)
    sha256 = sha256_of_file(path).removeprefix("sha256:")
    assert not sha256.startswith(stated_digest(published.file))
    (home / RECORDS).write_text(json.dumps({published.file: {"path": str(path), "sha256": sha256}}))
    return path


def logits(model, images):
    """Return a model's scores of images of any size."""
    model.load("cpu")
    found = model.predict([model.geometry(image) for image in images], [INFO] * len(images))
    return np.stack([prediction.scores for prediction in found])


def plain_logits(name, tag, images):
    """Return what a plain torchvision loop gives."""
    weights = get_model_weights(name)[tag]
    network, preset = get_model(name, weights=weights).eval(), weights.transforms()
    with torch.no_grad():
        return network(torch.stack([preset(PillowImage.fromarray(image)) for image in images])).numpy()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {}),
        ("resnet50", {}),
        ("resnext50_32x4d", {}),
        ("mobilenet_v2", {}),
        ("mobilenet_v3_small", {}),
        ("inception_v3", {"init_weights": False}),
        ("googlenet", {"init_weights": False, "aux_logits": True}),
        ("densenet121", {}),
        ("mnasnet1_0", {}),
        ("efficientnet_b3", {}),
        ("swin_t", {}),
        ("squeezenet1_1", {}),
        ("shufflenet_v2_x0_5", {}),
    ],
)
def test_logits_are_those_of_a_plain_torchvision_loop_bit_for_bit(name, options, own_home, monkeypatch):
    state = random_state(name, **options)
    recorded_as(classifier(f"{name}.IMAGENET1K_V1").published[0], state, own_home)
    images = [photo(90, 120, seed) for seed in range(2)]
    found = logits(classifier(f"{name}.IMAGENET1K_V1"), images)
    with library_given(state, monkeypatch):
        expected = plain_logits(name, "IMAGENET1K_V1", images)
    assert np.array_equal(found, expected)
    assert np.ptp(found) > 0


def old_names(state):
    """Return a DenseNet's state under the names of the published files, which are older than the counts of batches."""
    kept = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", key): kept[key] for key in kept}


def test_a_densenet_file_with_the_names_of_old(own_home, monkeypatch):
    state = old_names(random_state("densenet121"))
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    recorded_as(classifier("densenet121.IMAGENET1K_V1").published[0], state, own_home)
    images = [photo(90, 120)]
    found = logits(classifier("densenet121.IMAGENET1K_V1"), images)
    with library_given(dict(state), monkeypatch):
        assert np.array_equal(found, plain_logits("densenet121", "IMAGENET1K_V1", images))


def test_a_file_in_torchs_format_of_old(own_home):
    model = classifier("squeezenet1_1.IMAGENET1K_V1")
    state = random_state("squeezenet1_1")
    recorded_as(model.published[0], state, own_home, _use_new_zipfile_serialization=False)
    model = classifier("squeezenet1_1.IMAGENET1K_V1")
    model.load("cpu")
    assert all(torch.equal(value, state[key]) for key, value in model._network.state_dict().items())


def test_a_file_of_another_network_is_refused(own_home):
    recorded_as(classifier("resnet18.IMAGENET1K_V1").published[0], random_state("squeezenet1_1"), own_home)
    with pytest.raises(AlteredWeights, match=r"resnet18-f37072fd\.pth do not fit resnet18"):
        classifier("resnet18.IMAGENET1K_V1").load("cpu")


def test_missing_and_altered_weights_are_named_with_the_commands(own_home):
    name = "torchvision:resnet50.IMAGENET1K_V1"
    with pytest.raises(MissingWeights) as caught:
        registry.load("model", name).plugin.load("cpu")
    parts = ("resnet50-0676ba61.pth", "suite data weights DIR", f"suite data download {name}")
    assert all(part in str(caught.value) for part in parts)
    path = recorded_as(registry.load("model", name).plugin.published[0], {}, own_home)
    path.write_bytes(b"altered")
    with pytest.raises(AlteredWeights, match=r"resnet50-0676ba61\.pth have SHA-256"):
        registry.load("model", name).plugin.load("cpu")


def test_the_digest_of_a_plugin_follows_its_weights(own_home):
    name, digests = "torchvision:squeezenet1_1.IMAGENET1K_V1", []
    for state in ({"a": torch.zeros(1)}, {"a": torch.ones(1)}):
        recorded_as(registry.load("model", name).plugin.published[0], state, own_home)
        digests.append(registry.load("model", name).ref.digest)
    assert digests[0] != digests[1]


def test_keeps_the_contract(own_home):
    member = "squeezenet1_1.IMAGENET1K_V1"
    recorded_as(classifier(member).published[0], random_state("squeezenet1_1"), own_home)
    model = classifier(member)
    assert [finding for finding in check_model(model) if not finding.ok] == []
