"""A network that shows what it was fed, for the tests of models."""

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


def fed(model, image):
    """Return what `predict` feeds the network for an image that went through the geometry."""
    network = Keeps(model.classes)
    model.network, model.weights = lambda: network, ()
    model.load("cpu")
    model.predict([model.geometry(image)], [INFO])
    return network.kept[0]
