"""Networks for the tests of models: one that shows what it was fed, and small ones that can learn."""

import torch
from torch import nn

from suite.api import FrameInfo

INFO = FrameInfo(1, 1)


class Keeps(nn.Module):
    """Keeps what it is given and answers with zeros."""

    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def forward(self, x):
        self.kept = x.clone()
        return torch.zeros(len(x), self.classes)


def learner(classes=2):
    """Return a small network of random weights, the same every time; its batch normalisation sees whole images."""
    with torch.random.fork_rng():
        torch.manual_seed(2611)
        return nn.Sequential(
            *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)),
        )


def pooled_learner(classes=2):
    """Return one whose batch normalisation sees one value an image: in training mode it needs two images."""
    first, _, relu, pool, flat, last = learner(classes)
    return nn.Sequential(first, pool, nn.BatchNorm2d(8), relu, flat, last)


class TwoHeaded(nn.Module):
    """Answers in training mode with a tuple: its logits, an auxiliary head's, and nothing of a head that is off."""

    def __init__(self, classes=2):
        super().__init__()
        self.own, self.auxiliary = learner(classes), learner(classes)

    def forward(self, x):
        return (self.own(x), self.auxiliary(-x), None) if self.training else self.own(x)


def fed(model, image):
    """Return what `predict` feeds the network for an image that went through the geometry."""
    network = Keeps(model.classes)
    model.network, model.weights = lambda: network, ()
    model.load("cpu")
    model.predict([model.geometry(image)], [INFO])
    return network.kept[0]
