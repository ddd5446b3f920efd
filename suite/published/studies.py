"""The studies whose printed numbers the package carries, and which plugins are the models that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from suite.errors import UsageError, nearest


class Study(NamedTuple):
    """A paper, the protocol that its numbers stand under, and the files that hold them."""

    name: str
    title: str
    authors: str
    published: str
    link: str
    fixes: str
    file: str
    distortion: str = ""

    @property
    def label(self) -> str:
        """What its protocol is called: no version, as a paper does not change."""
        return label_of(self.name)

    @property
    def citation(self) -> str:
        """The paper in one line."""
        return f"{self.authors}, {self.title}, {self.published}"


STUDIES = (
    Study(
        name="ehrlich2020",
        title="Analyzing and Mitigating Compression Defects in Deep Learning",
        authors="M. Ehrlich, L. Davis, S.-N. Lim and A. Shrivastava",
        published="arXiv 2011.08932",
        link="https://arxiv.org/abs/2011.08932",
        fixes="JPEG at quality 10 to 90 (Table 1: 10 to 50), before each model's own transforms; ImageNet, MS-COCO, "
        "ADE20K and the two forensics studies' own images",
        file="ehrlich2020.csv",
    ),
    Study(
        name="marie2022",
        title="Expert Training: Enhancing AI Resilience to Image Coding Artifacts",
        authors="A. Marie, K. Desnos, L. Morin and L. Zhang",
        published="Electronic Imaging 2022",
        link="https://hal.science/hal-03555716",
        fixes="JPEG, JPEG 2000 and BPG at three settings each, on the 224x224 crop of each ImageNet image",
        file="marie2022.csv",
        distortion="marie2022_distortion.csv",
    ),
    Study(
        name="janeiro2023",
        title="Are Visual Recognition Models Robust to Image Compression?",
        authors="J. M. Janeiro, S. Frolov, A. El-Nouby and J. Verbeek",
        published="2023",
        link="https://openreview.net/forum?id=IXLfVFeI5a",
        fixes="classical and neural codecs at rates in bits per pixel, before each model's own transforms; ImageNet, "
        "MS-COCO and ADE20K; only the numbers that the text states",
        file="janeiro2023.csv",
    ),
)

PLUGINS: Mapping[tuple[str, str], str] = {
    ("ehrlich2020", "EfficientNet B3"): "torchvision:efficientnet_b3.IMAGENET1K_V1",
    ("ehrlich2020", "InceptionV3"): "torchvision:inception_v3.IMAGENET1K_V1",
    ("ehrlich2020", "MobileNetV2"): "torchvision:mobilenet_v2.IMAGENET1K_V1",
    ("ehrlich2020", "ResNet-18"): "torchvision:resnet18.IMAGENET1K_V1",
    ("ehrlich2020", "ResNet-50"): "torchvision:resnet50.IMAGENET1K_V1",
    ("ehrlich2020", "ResNet-101"): "torchvision:resnet101.IMAGENET1K_V1",
    ("ehrlich2020", "ResNeXt-50"): "torchvision:resnext50_32x4d.IMAGENET1K_V1",
    ("ehrlich2020", "ResNeXt-101"): "torchvision:resnext101_32x8d.IMAGENET1K_V1",
    ("ehrlich2020", "VGG-19"): "torchvision:vgg19.IMAGENET1K_V1",
    ("marie2022", "MnasNet"): "torchvision:mnasnet1_0.IMAGENET1K_V1",
    ("marie2022", "ResNet50"): "torchvision:resnet50.IMAGENET1K_V1",
    ("janeiro2023", "Swin-T"): "timm:swin_tiny_patch4_window7_224.ms_in1k",
}
"""The plugin that stands for a study's model; the papers name networks, not files of weights. As in the protocols."""


def label_of(source: str) -> str:
    """Return what the protocol of a source's numbers is called."""
    return f"published:{source}"


def find(name: str) -> Study:
    """Return the study of that name or label. Raises UsageError."""
    by_name = {study.name: study for study in STUDIES}
    wanted = name.removeprefix("published:")
    if wanted not in by_name:
        hint = nearest(wanted, by_name) or f"There are: {', '.join(by_name)}."
        raise UsageError(f"No study is named '{name[:80]}'. {hint}")
    return by_name[wanted]
