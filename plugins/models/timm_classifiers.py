"""``timm:NAME.TAG``: every pretrained classifier of timm.

Geometry is timm's evaluation transform (``resolve_data_config``, ``create_transform``), at the weights' ``input_size``
and not their ``test_input_size``, on a Pillow image and run by timm's own steps. Verified against timm 1.0.31,
torchvision 0.29.2 and Pillow 13.0.0: pixels and normalised input of every distinct configuration; logits bit for bit
for a dozen networks. timm is imported when a model is made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from plugins.models.libraries import fitting, on_pillow, require_known
from suite.api import Card, PublishedWeights, WeightFile
from suite.api.torch import Network, Tensor, TorchClassifier, read_state
from suite.api.weights import stated_digest
from suite.errors import AlteredWeights, InvalidPlugin, UsageError

FAMILY = "timm"
HUB = "https://huggingface.co/{}/resolve/main/model.safetensors"
# DINO learns without labels: these declare 1000 classes and were taught none.
WITHOUT_CLASSES = {"resmlp_12_224.fb_dino", "resmlp_24_224.fb_dino"}
MOST_FEATURES = 10_000


def classifier(member: str) -> TorchClassifier:
    """Return the network NAME with the weights TAG, given as ``NAME.TAG``. Raises UnknownPlugin or UsageError."""
    config = chosen(member)
    name = f"{FAMILY}:{member}"
    geometry, normalise = evaluation(config, name)
    published = published_by(config)
    file = published.located(name)
    return TorchClassifier(
        name,
        "1",
        classes=config.num_classes,
        network=partial(build, member, file),
        resize=partial(on_pillow, steps=geometry),
        mean=tuple(normalise["mean"]),
        std=tuple(normalise["std"]),
        weights=(file,),
        published=(published,),
        card=card_of(member, config),
    )


@cache
def names() -> tuple[str, ...]:
    """Return ``NAME.TAG`` of every pretrained classifier in the installed timm."""
    import timm

    listed = timm.list_pretrained()
    return tuple(name for name in listed if is_classifier(name, timm.get_pretrained_cfg(name)))


def is_classifier(member: str, config: Any) -> bool:
    """Whether its outputs are classes: image-text models declare their features (at most 1280) as classes too."""
    return (config.num_classes == 1000 or config.num_classes > MOST_FEATURES) and member not in WITHOUT_CLASSES


def chosen(member: str) -> Any:
    """Return timm's record of the weights that ``NAME.TAG`` names. Raises UnknownPlugin or UsageError."""
    import timm

    known = names()
    if member in timm.list_pretrained() and member not in known:
        raise UsageError(
            f"'{FAMILY}:{member}' gives features and no classes. Choose weights that were trained or tuned on classes."
        )
    require_known(FAMILY, member, known)
    return timm.get_pretrained_cfg(member)


def evaluation(config: Any, name: str) -> tuple[tuple[Callable[[Any], Any], ...], dict[str, Any]]:
    """Return timm's steps on Pillow images, and its ``mean`` and ``std``. Raises InvalidPlugin for other steps."""
    from timm.data import create_transform, resolve_data_config

    wanted = resolve_data_config(pretrained_cfg=config.to_dict())
    *geometry, to_tensor, normalise = create_transform(**wanted, is_training=False).transforms
    kinds = [type(step).__name__ for step in (*geometry, to_tensor, normalise)]
    if kinds not in (
        ["Resize", "CenterCrop", "MaybeToTensor", "Normalize"],
        ["ResizeKeepRatio", "CenterCrop", "MaybeToTensor", "Normalize"],
        ["ResizeKeepRatio", "CenterCropOrPad", "MaybeToTensor", "Normalize"],
    ):
        raise InvalidPlugin(
            f"'{name}' asks for the steps {', '.join(kinds)}, which this version does not know. "
            "Install the timm that the suite pins."
        )
    return tuple(geometry), wanted


def published_by(config: Any) -> PublishedWeights:
    """Return where the weights are: on the hub, where timm itself looks first, else at their address."""
    if config.hf_hub_id:
        return PublishedWeights(f"{config.hf_hub_id.rpartition('/')[2]}.safetensors", HUB.format(config.hf_hub_id))
    return PublishedWeights(config.url.rpartition("/")[2], config.url, stated_digest(config.url))


def build(member: str, file: WeightFile) -> Network:
    """Return the network as timm's own builder makes it, from a file of one's own."""
    from timm import create_model

    state = read_state(file)
    with fitting(file.path, member):
        network = create_model(member, pretrained=True, pretrained_cfg_overlay={"state_dict": state})
    # timm keeps a copy of what it was given.
    del network.pretrained_cfg["state_dict"]
    if lacking := lacked(network, state) if member.startswith("dla") else ():
        raise AlteredWeights(f"The weights {file.path} do not fit {member}: they lack {', '.join(lacking)}.")
    return network


def lacked(network: Network, state: dict[str, Tensor]) -> list[str]:
    """Return what a state lacks: of the classifiers, timm loads those of the DLA family alone without a complaint."""
    absent = network.state_dict().keys() - state.keys()
    return sorted(name for name in absent if not name.endswith("num_batches_tracked"))


def card_of(member: str, config: Any) -> Card:
    """Return the facts that timm states."""
    name, _, tag = member.partition(".")
    _, height, width = config.input_size
    return Card(
        summary=f"{name} of timm, {tag}, {config.num_classes:,} classes, {width}x{height}.",
        authors="The timm contributors and those named at its address",
        licence=config.license or "",
        paper=config.paper_ids or "",
        code=config.origin_url or "https://github.com/huggingface/pytorch-image-models",
        training_data=f"as its tag says: {tag}",
    )
