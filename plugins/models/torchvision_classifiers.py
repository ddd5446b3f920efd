"""``torchvision:NAME.TAG``: every classifier of torchvision with each of its published weights.

Geometry is that of the weights' own preset on a Pillow image, run by torchvision's own functions: on a tensor its
resize gives other pixels, and the studies ran Pillow images. Verified against torchvision 0.29.2 with Pillow 13.0.0 for
all 114 classifiers: pixels and normalised input of every preset, the structure of every network; logits bit for bit
for a dozen networks. torchvision is imported when a model is made.
"""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Any

from plugins.models.libraries import fitting, on_pillow, require_known
from suite.api import Card, PublishedWeights, WeightFile
from suite.api.torch import Network, Tensor, TorchClassifier, read_state
from suite.api.weights import stated_digest
from suite.errors import InvalidPlugin, UsageError

FAMILY = "torchvision"
LICENCE = "BSD-3-Clause (library); as its authors state (weights)"


def classifier(member: str) -> TorchClassifier:
    """Return the network NAME with the weights TAG, given as ``NAME.TAG``. Raises UnknownPlugin or UsageError."""
    weights = chosen(member)
    name = f"{FAMILY}:{member}"
    if not weights.meta["categories"]:
        raise UsageError(f"'{name}' has features and no trained classes. Choose other weights.")
    preset = preset_of(weights, name)
    published = PublishedWeights(weights.url.rpartition("/")[2], weights.url, stated_digest(weights.url))
    file = published.located(name)
    return TorchClassifier(
        name,
        "1",
        classes=len(weights.meta["categories"]),
        network=partial(build, member.partition(".")[0], weights, file),
        resize=partial(on_pillow, steps=geometry_of(preset)),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        weights=(file,),
        published=(published,),
        card=card_of(name, weights, preset),
    )


@cache
def names() -> tuple[str, ...]:
    """Return ``NAME.TAG`` of every classifier in the installed torchvision; a default's alias is no tag."""
    from torchvision import models

    return tuple(
        f"{name}.{weights.name}"
        for name in models.list_models(module=models)
        for weights in models.get_model_weights(name)
    )


def chosen(member: str) -> Any:
    """Return torchvision's record of the weights that ``NAME.TAG`` names. Raises UnknownPlugin or UsageError."""
    from torchvision.models import get_model_weights

    require_known(FAMILY, member, names())
    name, _, tag = member.partition(".")
    return get_model_weights(name)[tag]


def preset_of(weights: Any, name: str) -> Any:
    """Return the weights' preset. Raises InvalidPlugin for one that is more than resize, centre crop and normalise."""
    from torchvision.transforms._presets import ImageClassification

    preset = weights.transforms()
    if type(preset) is not ImageClassification:
        raise InvalidPlugin(
            f"'{name}' asks for the preset {type(preset).__name__}, whose geometry this version does not know. "
            "Install the torchvision that the suite pins."
        )
    return preset


def geometry_of(preset: Any) -> tuple[partial[Any], partial[Any]]:
    """Return the preset's steps on Pillow images."""
    from torchvision.transforms import functional

    resize = partial(
        functional.resize, size=preset.resize_size, interpolation=preset.interpolation, antialias=preset.antialias
    )
    return resize, partial(functional.center_crop, output_size=preset.crop_size)


def build(name: str, weights: Any, file: WeightFile) -> Network:
    """Return the network as torchvision's own builder makes it for the weights, from a file of one's own."""
    from torchvision.models import get_model

    state = read_state(file)
    network = get_model(name, weights=None, **options(name, weights))
    with fitting(file.path, name):
        network.load_state_dict(renamed(state) if name.startswith("densenet") else state)
    return network


def options(name: str, weights: Any) -> dict[str, Any]:
    """Return what torchvision's builders set where they are given weights, besides the number of classes."""
    if name in ("googlenet", "inception_v3"):
        return {"transform_input": True, "aux_logits": True, "init_weights": False}
    if name.startswith("vgg"):
        return {"init_weights": False}
    if name.startswith("vit_"):
        return {"image_size": weights.meta["min_size"][0]}
    return {"input_size": weights.meta["min_size"]} if name.startswith("maxvit") else {}


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a DenseNet's state with the dots that old files have in ``norm.1`` and the like taken out."""
    return {re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", key): state[key] for key in state}


def card_of(name: str, weights: Any, preset: Any) -> Card:
    """Return the facts that torchvision states."""
    side, swag = preset.crop_size[0], "SWAG" in weights.name
    return Card(
        summary=f"{name.partition(':')[2].partition('.')[0]} of torchvision, {weights.name}, {side}x{side}.",
        authors="The torchvision contributors",
        licence=weights.meta.get("license", LICENCE),
        code=weights.meta.get("recipe", ""),
        training_data="Instagram images (SWAG), then ImageNet-1k" if swag else "ImageNet-1k",
        parameters=weights.meta.get("num_params"),
    )
