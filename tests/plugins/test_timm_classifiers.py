"""``timm:NAME.TAG`` against timm: geometry pixel for pixel, logits bit for bit, names and files as timm has them.

No weights are at hand, so random ones of the real architecture stand in, saved under the published file's name.
"""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config
from torch import nn

from plugins.models.libraries import on_pillow
from plugins.models.timm_classifiers import classifier, evaluation, names
from suite import registry
from suite.api.weights import RECORDS
from suite.contracts import check_model
from suite.contracts.specimens import photo
from suite.digest import sha256_of_file
from suite.errors import AlteredWeights, InvalidPlugin, MissingWeights, UnknownPlugin, UsageError
from tests.networks import INFO, fed

AT_MOST_ASPECT = 12
CLASSIFIERS = names()


pytestmark = pytest.mark.usefixtures("one_thread")


def config_of(member, **changes):
    """Return timm's data configuration of a member."""
    return resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(member).to_dict() | changes)


def distinct():
    """Return one member of each distinct configuration."""
    members = {}
    for member in CLASSIFIERS:
        members.setdefault(tuple(config_of(member).items()), member)
    return sorted(members.values())


def not_too_long(height, width):
    """Return a size whose long side is at most AT_MOST_ASPECT times the short one: the geometry enlarges it all."""
    return max(height, -(-width // AT_MOST_ASPECT)), max(width, -(-height // AT_MOST_ASPECT))


def pixels_of(transform, picture):
    """Return the uint8 pixels that a transform without its normalisation makes of a Pillow image."""
    return transform(picture).mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def check_geometry(member, height, width):
    """Compare pixels and normalised input with timm's own evaluation transform on a Pillow image."""
    image, model, wanted = photo(*not_too_long(height, width)), classifier(member), config_of(member)
    picture = PillowImage.fromarray(image)
    expected = create_transform(**wanted, is_training=False)(picture)
    assert expected.shape == wanted["input_size"]
    assert torch.equal(fed(model, image), expected)
    raw = create_transform(**wanted | {"mean": (0.0,) * 3, "std": (1.0,) * 3}, is_training=False)
    found = model.geometry(image)
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels_of(raw, picture))


@pytest.mark.parametrize("member", distinct())
def test_every_configuration_pixel_for_pixel(member):
    for height, width in ((375, 500), (97, 61), (1, 7)):
        check_geometry(member, height, width)


CENTRE, SQUASHED, PADDED = "resnet50.a1_in1k", "dm_nfnet_f0.dm_in1k", "volo_d4_448.sail_in1k"


@pytest.mark.parametrize("member", [CENTRE, SQUASHED, PADDED])
@settings(max_examples=25)
@given(height=st.integers(1, 700), width=st.integers(1, 700))
@example(height=1, width=1)
@example(height=235, width=236)
@example(height=389, width=390)
@example(height=213, width=700)
def test_geometry_of_any_size_pixel_for_pixel(member, height, width):
    check_geometry(member, height, width)


def test_these_are_all_ways_of_cropping():
    modes = {(config_of(member)["crop_mode"], config_of(member)["crop_pct"] > 1) for member in CLASSIFIERS}
    assert modes == {("center", False), ("squash", False), ("center", True)}


@pytest.mark.parametrize("changes", [{"crop_mode": "border"}, {"input_size": (3, 96, 128)}])
@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 375), (31, 64)])
def test_border_and_oblong_inputs_too_pixel_for_pixel(changes, height, width):
    config = dataclasses.replace(timm.get_pretrained_cfg(CENTRE), **changes)
    image = photo(height, width)
    raw = create_transform(**config_of(CENTRE, **changes) | {"std": (1.0,) * 3}, is_training=False)
    raw.transforms[-1].mean.zero_()
    found = on_pillow(image, steps=evaluation(config, CENTRE)[0])
    assert found.shape == (*config.input_size[1:], 3)
    assert np.array_equal(found, pixels_of(raw, PillowImage.fromarray(image)))


def test_steps_of_another_kind_are_refused(monkeypatch):
    def other(**wanted):
        made = create_transform(**wanted)
        made.transforms.insert(0, nn.Identity())
        return made

    monkeypatch.setattr(timm.data, "create_transform", other)
    with pytest.raises(InvalidPlugin, match="asks for the steps Identity, Resize, CenterCrop"):
        classifier(CENTRE)


# Names and files


def test_every_classifier_can_be_made_and_is_published():
    assert len(CLASSIFIERS) > 1000
    for member in CLASSIFIERS:
        model, config = classifier(member), timm.get_pretrained_cfg(member)
        assert (model.name, model.classes) == (f"timm:{member}", config.num_classes)
        assert model.card.summary
        published = model.published[0]
        if config.hf_hub_id:
            assert published.file == f"{member}.safetensors"
            assert published.url == f"https://huggingface.co/{config.hf_hub_id}/resolve/main/model.safetensors"
        else:
            assert published.url == config.url
            assert config.url.endswith("/" + published.file)
            assert published.sha256


def test_a_family_of_the_registry():
    loaded = registry.load("model", f"timm:{CENTRE}")
    assert str(loaded.ref) == f"timm:{CENTRE}@1"
    assert loaded.card.summary == "resnet50 of timm, a1_in1k, 1,000 classes, 224x224."


@pytest.mark.parametrize(
    ("member", "error", "message"),
    [
        ("resnet50", UsageError, "has the weights a1_in1k, a1h_in1k,"),
        ("resnet50.a1_in2k", UnknownPlugin, "Did you mean 'timm:resnet50.a1_in1k'?"),
        ("renset50", UnknownPlugin, "No model is named 'timm:renset50'. Did you mean 'timm:resnet50'?"),
        ("resnet50.a1_in1k.pth", UnknownPlugin, "Did you mean 'timm:resnet50.a1_in1k'?"),
        ("hf-hub:timm/resnet50.a1_in1k", UnknownPlugin, "No model is named 'timm:hf-hub:timm/resnet50.a1_in1k'"),
        ("zzz" * 1000, UnknownPlugin, "Run 'suite plugins model' for the list."),
        ("vit_base_patch16_clip_224.openai", UsageError, "gives features and no classes"),
        ("vit_small_patch16_224.dino", UsageError, "gives features and no classes"),
        ("resmlp_12_224.fb_dino", UsageError, "gives features and no classes"),
    ],
)
def test_a_wrong_name_is_explained(member, error, message):
    with pytest.raises(error) as caught:
        registry.load("model", f"timm:{member}")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 700


def test_classes_are_told_from_features():
    assert {timm.get_pretrained_cfg(member).num_classes for member in CLASSIFIERS} == {
        1000,  # ImageNet-1k
        *(11221, 11821, 19168, 21841, 21842, 21843),  # parts of ImageNet-21k
        115217,  # Bamboo
    }
    assert not [member for member in CLASSIFIERS if "_clip_" in member and "_ft_" not in member]


# Networks


def random_state(member):
    """Return a state of an architecture with random weights and statistics."""
    with torch.random.fork_rng():
        torch.manual_seed(2611)
        network = timm.create_model(member)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return network.state_dict()


def recorded_as(published, state, home):
    """Save a state under the published file's name and record it; return its path."""
    path = home / published.file
    save = save_file if path.suffix == ".safetensors" else torch.save
    save({key: value.contiguous() for key, value in state.items()}, path)
    sha256 = sha256_of_file(path).removeprefix("sha256:")
    (home / RECORDS).write_text(json.dumps({published.file: {"path": str(path), "sha256": sha256}}))
    return path


@pytest.mark.parametrize(
    "member",
    [
        "resnet18.a1_in1k",
        "mobilenetv4_conv_small_050.e3000_r224_in1k",
        "vit_tiny_patch16_224.augreg_in21k",
        "deit_tiny_distilled_patch16_224.fb_in1k",
        "swin_tiny_patch4_window7_224.ms_in22k",
        "levit_128s.fb_dist_in1k",
        "gcvit_xxtiny.in1k",
        "legacy_seresnet18.in1k",
        "dla46_c.in1k",
        "test_vit.r160_in1k",
        "test_efficientnet.r160_in1k",
        "test_convnext2.r160_in1k",
        "test_nfnet.r160_in1k",
    ],
)
def test_logits_are_those_of_a_plain_timm_loop_bit_for_bit(member, own_home):
    path = recorded_as(classifier(member).published[0], random_state(member), own_home)
    images = [photo(90, 120, seed) for seed in range(2)]
    model = classifier(member)
    model.load("cpu")
    found = model.predict([model.geometry(image) for image in images], [INFO] * 2)
    network = timm.create_model(member, pretrained=True, pretrained_cfg_overlay={"file": str(path)}).eval()
    transform = create_transform(**config_of(member), is_training=False)
    with torch.no_grad():
        expected = network(torch.stack([transform(PillowImage.fromarray(image)) for image in images])).numpy()
    assert expected.shape == (2, timm.get_pretrained_cfg(member).num_classes)
    assert np.array_equal(np.stack([prediction.scores for prediction in found]), expected)
    assert np.ptp(expected) > 0


def test_the_network_keeps_no_copy_of_the_file(own_home):
    member = "test_vit.r160_in1k"
    recorded_as(classifier(member).published[0], random_state(member), own_home)
    model = classifier(member)
    model.load("cpu")
    assert "state_dict" not in model._network.pretrained_cfg
    assert "state_dict" not in model._network.default_cfg


@pytest.mark.parametrize("member", ["test_vit.r160_in1k", "dla46_c.in1k"])
@pytest.mark.parametrize("change", ["lacks", "reshaped"])
def test_a_file_that_does_not_fit_is_refused(member, change, own_home):
    state = random_state(member)
    last = list(state)[-1]
    if change == "lacks":
        del state[last]
    else:
        state[last] = torch.zeros(7)
    recorded_as(classifier(member).published[0], state, own_home)
    with pytest.raises(AlteredWeights, match=f"do not fit {member}"):
        classifier(member).load("cpu")


def test_missing_weights_are_named_with_the_commands():
    with pytest.raises(MissingWeights) as caught:
        classifier(CENTRE).load("cpu")
    parts = ("resnet50.a1_in1k.safetensors", "suite data weights DIR", f"suite data download timm:{CENTRE}")
    assert all(part in str(caught.value) for part in parts)


def test_listing_imports_no_library():
    code = (
        "import sys; from suite import registry; print(*registry.names('model'))\n"
        "import plugins.models.timm_classifiers, plugins.models.torchvision_classifiers\n"
        "print(*{'timm', 'torch', 'torchvision'} & set(sys.modules))"
    )
    listed, heavy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {"timm:", "torchvision:"} <= set(listed.split())
    assert heavy == ""


@pytest.mark.parametrize("member", ["test_vit.r160_in1k", "test_efficientnet.r160_in1k"])
def test_keeps_the_contract(member, own_home):
    recorded_as(classifier(member).published[0], random_state(member), own_home)
    model = classifier(member)
    assert [finding for finding in check_model(model) if not finding.ok] == []
