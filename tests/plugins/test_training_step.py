"""The training step of a torch classifier, beside the same arithmetic written out by hand."""

import gc
import math
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from suite.api import FrameInfo, Model, Trainable
from suite.api import torch as of_torch
from suite.api.torch import TorchClassifier, exact_float32
from suite.errors import PredictionError
from tests.networks import TwoHeaded, learner, pooled_learner

pytestmark = pytest.mark.usefixtures("one_thread")
MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.5)
TRUTHS = [0, 1, 0, 1]


def classifier(network=learner):
    """Return a loaded classifier of two classes."""
    model = TorchClassifier("small", "1", classes=2, network=network, resize=lambda image: image, mean=MEAN, std=STD)
    model.load("cpu")
    return model


@pytest.fixture
def images(rng):
    """Give dark and bright images in turn."""
    return [rng.integers(0, 128, (8, 8, 3), dtype=np.uint8) + np.uint8(100 * truth) for truth in TRUTHS]


def scores(model, images):
    return np.stack([answer.scores for answer in model.predict(images, [FrameInfo(8, 8)] * len(images))])


def normalised(images):
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
    return (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def losses_by_hand(images, steps):
    """Return the losses of descent with momentum and weight decay as textbooks write it, without an optimiser."""
    net, x, truths = learner().train(), normalised(images), torch.tensor(TRUTHS)
    weights = list(net.parameters())
    velocity, losses = [torch.zeros_like(weight) for weight in weights], []
    for _ in range(steps):
        loss = -net(x).log_softmax(1)[torch.arange(len(TRUTHS)), truths].mean()
        losses.append(loss.item())
        for place, (weight, slope) in enumerate(zip(weights, torch.autograd.grad(loss, weights), strict=True)):
            velocity[place] = 0.9 * velocity[place] + slope + 5e-4 * weight.detach()
            weight.data -= 1e-3 * velocity[place]
    return losses


def test_a_classifier_offers_a_step():
    assert isinstance(classifier(), Trainable)
    assert isinstance(classifier(), Model)


def test_losses_are_those_of_the_arithmetic_by_hand(images):
    step = classifier().trainer()
    assert [step(images, TRUTHS) for _ in range(6)] == pytest.approx(losses_by_hand(images, 6), rel=1e-5)


def test_the_loss_falls_and_is_the_same_every_time(images):
    model, runs = classifier(), []
    for _ in range(2):
        step = model.trainer()
        runs.append([step(images, TRUTHS) for _ in range(60)])
    assert runs[0] == runs[1]
    assert runs[0][-1] < runs[0][30] < runs[0][0]


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_the_model_itself_stays_as_it_is(images, layout):
    model = classifier()
    model.use_layout(layout)
    network = model._network
    before, weights = scores(model, images), {name: value.clone() for name, value in network.state_dict().items()}
    step = model.trainer()
    for _ in range(3):
        step(images, TRUTHS)
    assert np.array_equal(scores(model, images), before)
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert not network.training
    assert not any(weight.requires_grad or weight.grad is not None for weight in network.parameters())
    assert torch.is_grad_enabled()


def test_copy_and_momentum_go_with_the_step(images, monkeypatch):
    copies, healthy = [], of_torch.deepcopy

    def noted(network):
        copies.append(weakref.ref(copy := healthy(network)))
        return copy

    monkeypatch.setattr(of_torch, "deepcopy", noted)
    step = classifier().trainer()
    step(images, TRUTHS)
    assert copies[0]() is not None
    gc.disable()  # without waiting for the collector
    try:
        del step
        assert copies[0]() is None
    finally:
        gc.enable()


def test_all_weights_learn(images, monkeypatch):
    copies, healthy = [], of_torch.deepcopy
    monkeypatch.setattr(of_torch, "deepcopy", lambda network: copies.append(healthy(network)) or copies[-1])
    model = classifier()
    model.trainer()(images, TRUTHS)
    pairs = zip(copies[0].parameters(), model._network.parameters(), strict=True)
    assert not any(torch.equal(own, before) for own, before in pairs)


def test_auxiliary_heads_weigh_less(images):
    net, x, truths = TwoHeaded().train(), normalised(images), torch.tensor(TRUTHS)
    own, auxiliary, _ = net(x)
    first, second = (nn.functional.nll_loss(head.log_softmax(1), truths).item() for head in (own, auxiliary))
    assert classifier(TwoHeaded).trainer()(images, TRUTHS) == pytest.approx(first + 0.3 * second, rel=1e-5)


def test_batch_normalisation_of_one_value_is_torchs_own_refusal(images):
    step = classifier(pooled_learner).trainer()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        step(images[:1], TRUTHS[:1])
    assert math.isfinite(step(images[:2], TRUTHS[:2]))


def test_without_a_network_there_is_no_step():
    model = TorchClassifier("small", "1", classes=2, network=learner, resize=lambda image: image, mean=MEAN, std=STD)
    with pytest.raises(PredictionError, match="is not loaded"):
        model.trainer()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_an_accelerator_loses_as_the_cpu_does(images):
    exact_float32()
    runs = []
    for device in ("cpu", "cuda:0"):
        model = classifier()
        model.load(device)
        step = model.trainer()
        runs.append([step(images, TRUTHS) for _ in range(10)])
    assert runs[1] == pytest.approx(runs[0], rel=1e-4)
