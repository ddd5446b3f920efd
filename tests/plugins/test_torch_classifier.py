"""What torch plugins share: the arithmetic of the classifier against torchvision, refusals, safe weights, precision."""

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torchvision import transforms

from suite.api import Card, FrameInfo, LayoutChoice, Model, WeightFile
from suite.api.torch import TorchClassifier, exact_float32, load_in_order, read_state, stacked
from suite.contracts import check_model
from suite.errors import AlteredWeights, InvalidPlugin, MissingWeights, PredictionError, UsageError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INFO = FrameInfo(1, 1)


pytestmark = pytest.mark.usefixtures("one_thread")


def network():
    """Return a small network, the same one every time."""
    with torch.random.fork_rng():
        torch.manual_seed(2611)
        return nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.Dropout(0.5),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 5),
        )


def classifier(**changes):
    """Return a classifier around it, not loaded."""
    fields = {
        "classes": 5,
        "network": network,
        "resize": lambda image: np.resize(image, (12, 10, 3)),
        "mean": MEAN,
        "std": STD,
        "embed": lambda net, x: net[:-1](x),
    }
    return TorchClassifier("small", "1", **(fields | changes))


@pytest.fixture
def loaded():
    """Give a loaded classifier."""
    model = classifier()
    model.load("cpu")
    return model


def random_images(rng, count, height=12, width=10):
    """Return random images."""
    return list(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def plain_logits(images, layout=torch.contiguous_format):
    """Return what a plain torchvision loop gives."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    net = network().eval().to(memory_format=layout)
    with torch.no_grad():
        return net(torch.stack([transform(image) for image in images]).to(memory_format=layout)).numpy()


def test_keeps_the_contract():
    assert isinstance(classifier(), Model)
    assert isinstance(classifier(), LayoutChoice)
    assert [finding for finding in check_model(classifier()) if not finding.ok] == []


@given(seed=st.integers(0, 2**32), count=st.integers(1, 5), height=st.integers(1, 20), width=st.integers(1, 20))
def test_logits_are_those_of_a_plain_torchvision_loop_bit_for_bit(seed, count, height, width):
    images = random_images(np.random.default_rng(seed), count, height, width)
    model = classifier()
    model.load("cpu")
    scores = np.stack([prediction.scores for prediction in model.predict(images, [INFO] * count)])
    assert np.array_equal(scores, plain_logits(images))


@pytest.mark.parametrize(
    ("layout", "memory_format"), [("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)]
)
def test_layouts_are_torchs_bit_for_bit(loaded, rng, layout, memory_format):
    images = random_images(rng, 4)
    loaded.use_layout(layout)
    scores = np.stack([prediction.scores for prediction in loaded.predict(images, [INFO] * 4)])
    assert np.array_equal(scores, plain_logits(images, memory_format))


def test_channels_last_is_chosen_before_or_after_loading(rng):
    images, answers = random_images(rng, 3), []
    for early in (True, False):
        model = classifier()
        if early:
            model.use_layout("channels_last")
        model.load("cpu")
        model.use_layout("channels_last")
        answers.append(np.stack([prediction.scores for prediction in model.predict(images, [INFO] * 3)]))
    assert np.array_equal(*answers)


def test_channels_last_copies_no_pixels(loaded, rng):
    loaded.use_layout("channels_last")
    x = loaded._on_device(random_images(rng, 2))
    assert x.shape == (2, 3, 12, 10)
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_no_images_no_predictions(loaded):
    assert list(loaded.predict([], [])) == []


def test_images_of_different_shapes_are_refused(loaded, rng):
    images = random_images(rng, 1) + random_images(rng, 1, height=11)
    with pytest.raises(PredictionError, match=r"one shape.*\(11, 10, 3\) uint8, \(12, 10, 3\) uint8"):
        loaded.predict(images, [INFO] * 2)


def test_floats_are_refused(loaded):
    with pytest.raises(PredictionError, match="float32"):
        loaded.predict([np.zeros((12, 10, 3), np.float32)], [INFO])


def test_a_frame_an_image(loaded, rng):
    with pytest.raises(PredictionError, match="one frame an image, but got 1 for 2"):
        loaded.predict(random_images(rng, 2), [INFO])


def test_predicting_before_loading_is_refused(rng):
    with pytest.raises(PredictionError, match=r"not loaded.*load"):
        classifier().predict(random_images(rng, 1), [INFO])


def test_a_network_of_other_classes_is_refused(rng):
    model = classifier(classes=4)
    model.load("cpu")
    with pytest.raises(PredictionError, match=r"\(1, 4\), but got \(1, 5\)"):
        model.predict(random_images(rng, 1), [INFO])


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:-1", "mps", "cuda:4096"])
def test_unknown_devices_are_refused(device):
    with pytest.raises(UsageError, match=f"'{device}'"):
        classifier().load(device)


def test_unknown_layouts_are_refused(loaded):
    with pytest.raises(UsageError, match="channels_last, contiguous"):
        loaded.use_layout("nchw")


def test_predictions_in_threads_are_those_of_one(loaded, rng):
    batches = [random_images(rng, 3) for _ in range(12)]
    alone = [loaded.predict(batch, [INFO] * 3) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda batch: loaded.predict(batch, [INFO] * 3), batches))
    for one, other in zip(alone, together, strict=True):
        assert all(np.allclose(a.scores, b.scores, atol=1e-6) for a, b in zip(one, other, strict=True))


# Features and gradients


def test_features_are_what_the_last_layer_sees(loaded, rng):
    images = random_images(rng, 3)
    last = network()[-1]
    logits = loaded.features(images) @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    assert np.allclose(logits, plain_logits(images), atol=1e-6)


def test_gradients_reach_the_pixels_and_not_the_weights(loaded):
    x = torch.rand(2, 3, 12, 10, requires_grad=True)
    loaded.forward(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in loaded._network.parameters())


def test_forward_and_predict_agree_on_whole_pixel_values(loaded, rng):
    images = random_images(rng, 2)
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    scores = np.stack([prediction.scores for prediction in loaded.predict(images, [INFO] * 2)])
    assert np.allclose(loaded.forward(x).numpy(), scores, atol=1e-6)
    assert np.allclose(loaded.forward_features(x).numpy(), loaded.features(images), atol=1e-6)


def test_a_model_without_features_says_so(rng):
    model = classifier(embed=None)
    model.load("cpu")
    with pytest.raises(PredictionError, match="does not offer its features"):
        model.features(random_images(rng, 1))


# Weights


def weight_file(path):
    """Return the record of a file as it is now."""
    return WeightFile(path, hashlib.sha256(path.read_bytes()).hexdigest(), "Fetch it again.")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_states_are_read_from_either_format(tmp_path, suffix):
    path, state = tmp_path / f"weights.{suffix}", network().state_dict()
    torch.save(state, path) if suffix == "pth" else save_file(state, path)
    read = read_state(weight_file(path))
    assert set(read) == set(state)
    assert all(torch.equal(read[name], state[name]) for name in state)


class Bomb:
    """Runs code when unpickled."""

    def __reduce__(self):
        return print, ("boom",)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_code_in_weights_never_runs(tmp_path, capsys, save):
    path = tmp_path / "weights.pth"
    save({"weight": Bomb()}, path)
    with pytest.raises(InvalidPlugin, match=r"weights\.pth are no dictionary of tensors"):
        read_state(weight_file(path))
    assert capsys.readouterr().out == ""


def test_loading_checks_the_weights_before_it_builds(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"as recorded")
    built = []
    model = classifier(weights=(weight_file(path),), network=lambda: built.append(1) or network())
    path.write_bytes(b"altered")
    with pytest.raises(AlteredWeights, match=r"weights\.pth.*Fetch it again"):
        model.load("cpu")
    path.unlink()
    with pytest.raises(MissingWeights, match=r"weights\.pth.*Fetch it again"):
        model.load("cpu")
    assert built == []


def test_weights_load_in_order_under_other_names(rng):
    other = network()
    nn.init.constant_(other[-1].bias, 3.0)
    target = network()
    load_in_order(target, {f"renamed_{i}": tensor for i, tensor in enumerate(other.state_dict().values())}, source="x")
    assert torch.equal(target[-1].bias, torch.full((5,), 3.0))


@pytest.mark.parametrize("change", [lambda state: state[:-1], lambda state: [*state[:-1], torch.zeros(6)]])
def test_weights_of_other_shapes_are_refused(change):
    state = change(list(network().state_dict().values()))
    with pytest.raises(AlteredWeights, match=r"here\.pth does not fit"):
        load_in_order(network(), {str(i): tensor for i, tensor in enumerate(state)}, source="here.pth")


# Precision


@pytest.mark.parametrize(("tf32", "expected"), [(False, "ieee"), (True, "tf32")])
def test_float32_is_exact_unless_tf32_is_allowed(tf32, expected):
    exact_float32(tf32=tf32)
    backends = torch.backends
    found = [backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision, backends.cudnn.rnn.fp32_precision]
    exact_float32()
    assert found == [expected] * 3
    assert not torch.backends.cudnn.benchmark
    assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"


def test_stacking_makes_one_array():
    images = [np.full((2, 3, 3), value, np.uint8) for value in range(4)]
    for image in images:
        image.setflags(write=False)
    assert np.array_equal(stacked(images, pinned=False).numpy(), np.stack(images))


def test_card_is_optional():
    assert classifier().card == Card(summary="")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_an_accelerator_agrees_with_the_cpu(rng):
    exact_float32()
    images, scores = random_images(rng, 4), []
    for device in ("cpu", "cuda:0"):
        model = classifier()
        model.load(device)
        scores.append(np.stack([prediction.scores for prediction in model.predict(images, [INFO] * 4)]))
    assert np.allclose(*scores, atol=1e-5)
