"""Neural codecs: the networks of CompressAI's zoo, and a small one of the suite's own for photographs of solar cells.

The networks run in `plugins.codecs.neural_network`; the bytes are laid out in `plugins.codecs.neural_bitstream`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from plugins.codecs import neural_bitstream, neural_network
from plugins.codecs.checks import check_parameters, checked_number
from plugins.codecs.neural_bitstream import Stream, checksum_of
from suite.api import Card, Image, PublishedWeights, Setting, WeightFile
from suite.api.pixels import require_rgb
from suite.errors import CodecError, WeightsError

LARGEST_AREA = 1 << 26
PADDINGS = {"zeros": "constant", "edge": "edge"}
"""What numpy calls them."""
IMPLEMENTED: dict[str, tuple[Any, ...]] = {
    "metric": ("mse", "ms-ssim"),
    "precision": ("float32", "float64"),
    "device": ("cpu",),
    "threads": (1,),
    "padding": tuple(PADDINGS),
    "multiple": (64,),
    "rounding": ("half-to-even",),
}
SMALL_STEPS: dict[str, tuple[Any, ...]] = {"multiple": (16, 32, 64)}
"""What the factorized networks take, which have no hyper-latents."""
TAG_BITS = 4

ZOO = "https://compressai.s3.amazonaws.com/models/v1"
ZOO_FILES: dict[str, dict[str, tuple[str, str]]] = {
    "bmshj2018-factorized": {
        "mse": (
            "bmshj2018-factorized-prior",
            "446d5c7f 87279a02 5c6f152b 1ed4405a 866ba797 9b02ea3a 6dfd6734 5232faa3",
        ),
        "ms-ssim": (
            "bmshj2018-factorized-ms-ssim",
            "9781d705 4a584386 5352f123 4f91b847 b3a88897 ee028763 8c265a29 8811bd14",
        ),
    },
    "bmshj2018-hyperprior": {
        "mse": ("bmshj2018-hyperprior", "7eb97409 93677231 6d87be32 de1b779c f8b614e1 1ab9c41e 3804dcbd a583f0cf"),
        "ms-ssim": (
            "bmshj2018-hyperprior-ms-ssim",
            "5cf249be 1ff60d1f 92dd7878 4377354e c34afc8d 3a6d8229 8747d3bc cc15b5f3",
        ),
    },
    "mbt2018-mean": {
        "mse": ("mbt2018-mean", "e522738d e54a039d 723404a8 6dba02a3 d504e8eb a19628ab d5d441d1 8089ae3e"),
        "ms-ssim": ("mbt2018-mean-ms-ssim", "5bf9c0b6 e2a1bf3f 640ce819 12626c13 1be7f059 b83bf379 ddf9644c 0cc7b94f"),
    },
    "mbt2018": {
        "mse": ("mbt2018", "3f36cd77 43b70cdd 22901978 456e2af9 b4a046dd 7052e5ea 8ba2bf82 dd0097aa"),
        "ms-ssim": ("mbt2018-ms-ssim", "2878436b c41cb208 d0dd64e8 a120e037 9b30e3b7 f8b3626f 16e6ff50 0cb49d43"),
    },
    "cheng2020-anchor": {
        "mse": ("cheng2020-anchor", "dad2ebff a29008eb e49be189 98b0b468 23852949 4c052b1a"),
        "ms-ssim": ("cheng2020_anchor-ms-ssim", "20f521db c7ff5812 c23e22d5 0e658304 c0a95e77 f2dc1913"),
    },
    "cheng2020-attn": {
        "mse": ("cheng2020_attn-mse", "465f2b64 e0805385 2d07bbdf f7b0ccf2 26c8920e 730501f2"),
        "ms-ssim": ("cheng2020_attn-ms-ssim", "c5381d91 5dad201d 5c9be841 8b2f647e 5ca1f34c 216423ec"),
    },
}
"""Architecture -> metric -> how the files' names start, and the start of their SHA-256 for quality 1, 2, 3, ...

Source: ``model_urls`` of compressai.zoo.image 1.2.8.
"""
BMSHJ = "Ballé, Minnen, Singh, Hwang, Johnston 2018"
MBT = "Minnen, Ballé, Toderici 2018"
CSTK = "Cheng, Sun, Takeuchi, Katto 2020"

PV_WEIGHTS = Path(__file__).parent / "weights"
PV_SHA256 = (
    "698de021f511addeeba4ba69de56fc03dbb2b053d3cde04dc5a5b259c549015c",
    "5c8fc4fde4968dfab1f573289e1960d0f181c62398462b7e3dad5680fc49232c",
    "e447e662a319e71e54f44f32a3834434be07c78ca8c23e5b4427132bf59235e3",
    "30fe77b3f4886e829e9300d712208a46ef5c736ad994adbabee46bb6fee08952",
    "13cff1969279a8db306ca2e456183d61c0402e239b4b805e8cfe41bc511af227",
    "de11a6dad860b368725c247f8223319b4375f25249548e0c7b9a685ea700108b",
)
"""Of ``pv-factorized-1.safetensors`` and so on."""


class Padding(NamedTuple):
    """Pixels added on each side."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, kw_only=True)
class NeuralCodec:
    """What all of them share: an image through a network of CompressAI to bytes and back, one image at a time.

    ``precision``: of weights and arithmetic. With the processor held to its oldest instructions, float32 decoded to
    other pixels (cheng2020-attn, random weights); float64 gave the same bytes and pixels with every network tried.
    ``threads``: torch's for each image, as the bits depend on it; several images at once use several cores.
    ``padding``: with zeros (as CompressAI's evaluation) or the edge's pixels, the image in the centre, to sides in
    multiples of ``multiple``. RGB enters the network as value / 255.
    ``rounding``: of the reconstruction, clamped to [0, 1], to 8 bits.
    Raises UsageError for a value that is not implemented.

    The bitstream is all that decoding takes besides the network: a byte of architecture and quality, the size, the
    strings, and a CRC-32 of the encoder's own reconstruction from its own latents; all of it counts, 7 to 14 bytes
    more than the strings, which are byte for byte CompressAI's. Decoding to other pixels is an error, so encoding,
    which runs the synthesis for the checksum, need not decode.

    300x300, one thread of a server processor with AVX-512, random weights of the size of quality 1 and of the highest,
    seconds of processor time, encode / decode: bmshj2018-factorized 0.23 / 0.17 and 0.41 / 0.28, bmshj2018-hyperprior
    0.23 / 0.15 and 0.38 / 0.25, mbt2018-mean 0.20 / 0.15 and 0.45 / 0.29, mbt2018 1.0 / 0.8 and 2.1 / 2.0,
    cheng2020-anchor 0.9 / 0.7 and 1.8 / 1.4, cheng2020-attn 1.0 / 0.8 and 1.9 / 1.4; pv-factorized (float64)
    0.08 / 0.05. float64 takes 1.3 to 3 times as long. Networks stay in memory once used, 12 to 120 MB each.
    """

    precision: str = "float32"
    device: str = "cpu"
    threads: int = 1
    padding: str = "zeros"
    multiple: int = 64
    rounding: str = "half-to-even"

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    architecture: ClassVar[str]
    number: ClassVar[int]
    """In the bitstream: which codec wrote it."""
    implemented: ClassVar[Mapping[str, tuple[Any, ...]]] = IMPLEMENTED

    def __post_init__(self) -> None:
        check_parameters(self, {field: self.implemented[field] for field in vars(self)})

    @property
    def unavailable(self) -> str | None:
        """None where CompressAI is installed, else what to do; nothing is imported."""
        return None if find_spec("compressai") else neural_network.REMEDY

    @property
    def build(self) -> str:
        """The library builds and the kind of processor: bitstreams do not carry over. Raises CodecError without."""
        return neural_network.build()

    @property
    @abstractmethod
    def qualities(self) -> range:
        """1 to the number of networks."""

    @abstractmethod
    def file(self, quality: int) -> WeightFile:
        """Return the weights of one quality."""

    @property
    def weights(self) -> Sequence[WeightFile]:
        """One file a quality."""
        return tuple(self.file(quality) for quality in self.qualities)

    def settings(self) -> Sequence[Setting]:
        """Return the qualities, from the lowest rate on."""
        return tuple(Setting("quality", quality) for quality in self.qualities)

    def network(self, quality: int) -> neural_network.NeuralNetwork:
        """Return the network, loaded at its first use. Raises MissingWeights or AlteredWeights."""
        return neural_network.loaded(self.architecture, self.file(quality), self.precision)

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream. Raises CodecError for another setting or all but uint8 RGB, or WeightsError."""
        quality = checked_number(setting, "quality", self.qualities)
        height, width, _ = require_rgb(image).shape
        around = self.around(height, width)
        columns = (around.left, around.right)
        padded = np.pad(image, ((around.top, around.bottom), columns, (0, 0)), PADDINGS[self.padding])
        strings, pixels = self.network(quality).encoded(padded)
        tag = self.number << TAG_BITS | quality
        seen = checksum_of(tag, inside(pixels, around))
        return neural_bitstream.written(Stream(tag, height, width, seen, strings))

    def decode(self, data: bytes) -> Image:
        """Return the image. Raises CodecError for what is damaged or gives other pixels than the encoder saw.

        Raises WeightsError where those of its quality are not there.
        """
        quality = data[0] & (1 << TAG_BITS) - 1 if data else 0
        if quality not in self.qualities or data[0] >> TAG_BITS != self.number:
            raise CodecError(f"{len(data)} bytes are no bitstream of {self.name}: they do not start as one.")
        try:
            network = self.network(quality)
        except WeightsError as error:
            raise CodecError(f"A bitstream of {self.name} asks for quality {quality}. {error}") from error
        stream = neural_bitstream.read(data, len(network.parts))
        around = self.around(stream.height, stream.width)
        height = stream.height + around.top + around.bottom
        width = stream.width + around.left + around.right
        image = np.ascontiguousarray(inside(network.decoded(stream.strings, height, width), around))
        if (found := checksum_of(stream.tag, image)) != stream.checksum:
            raise CodecError(
                f"{self.name} decoded other pixels than the encoder saw (CRC-32 {found:08x}, not "
                f"{stream.checksum:08x}): damaged, or written with other weights, parameters or on other hardware."
            )
        return image

    def around(self, height: int, width: int) -> Padding:
        """Return the padding of an image of that size, the smaller half first. Raises CodecError out of bounds."""
        down, right = -height % self.multiple, -width % self.multiple
        if not (min(height, width) > 0 and (height + down) * (width + right) <= LARGEST_AREA):
            raise CodecError(
                f"{self.name} takes 1 to {LARGEST_AREA} pixels, sides filled up to multiples of {self.multiple}, "
                f"not {width}x{height}."
            )
        return Padding(down // 2, down - down // 2, right // 2, right - right // 2)


def inside(image: Image, around: Padding) -> Image:
    """Return an image without its padding."""
    height, width, _ = image.shape
    return image[around.top : height - around.bottom, around.left : width - around.right]


@dataclass(frozen=True, kw_only=True)
class ZooCodec(NeuralCodec):
    """A codec with the zoo's weights, which the user registers. ``metric``: what they were trained for."""

    metric: str = "mse"

    @property
    def qualities(self) -> range:
        """1 to the number of files."""
        return range(1, len(ZOO_FILES[self.name][self.metric][1].split()) + 1)

    def file(self, quality: int) -> WeightFile:
        """Return the weights of one quality where they are registered."""
        return zoo_file(self.name, self.metric, quality).located(self.name)

    @property
    def published(self) -> Sequence[PublishedWeights]:
        """The files as CompressAI publishes them."""
        return tuple(zoo_file(self.name, self.metric, quality) for quality in self.qualities)


def zoo_file(name: str, metric: str, quality: int) -> PublishedWeights:
    """Return the file of CompressAI's zoo."""
    stem, digests = ZOO_FILES[name][metric]
    digest = digests.split()[quality - 1]
    file = f"{stem}-{quality}-{digest}.pth.tar"
    return PublishedWeights(file, f"{ZOO}/{file}", digest)


def zoo_card(summary: str, authors: str, paper: str) -> Card:
    """Return the facts about one architecture of the zoo."""
    return Card(
        summary=f"{summary}, through CompressAI.",
        authors=f"{authors}; CompressAI: Bégaint, Racapé, Feltman, Pushparaja 2020",
        licence="BSD-3-Clause-Clear",
        paper=paper,
        code="https://github.com/InterDigitalInc/CompressAI",
        training_data="Vimeo-90K, 256x256 crops",
    )


class Bmshj2018Factorized(ZooCodec):
    """One table a channel of latents, no hyper-latents; takes sides in multiples of 16 too."""

    name = architecture = "bmshj2018-factorized"
    number = 1
    implemented = IMPLEMENTED | SMALL_STEPS
    card = zoo_card("Factorized prior", BMSHJ, "https://arxiv.org/abs/1802.01436")


class Bmshj2018Hyperprior(ZooCodec):
    """Gaussians of mean zero, their scales from hyper-latents."""

    name = architecture = "bmshj2018-hyperprior"
    number = 2
    card = zoo_card("Scale hyperprior", BMSHJ, "https://arxiv.org/abs/1802.01436")


class Mbt2018Mean(ZooCodec):
    """Gaussians, means and scales from hyper-latents."""

    name = architecture = "mbt2018-mean"
    number = 3
    card = zoo_card("Mean and scale hyperprior", MBT, "https://arxiv.org/abs/1809.02736")


class Mbt2018(ZooCodec):
    """Means and scales also from the latents before: the "M&S" of Janeiro et al. 2023. One latent after the other."""

    name = architecture = "mbt2018"
    number = 4
    card = zoo_card("Mean and scale hyperprior with autoregressive context", MBT, "https://arxiv.org/abs/1809.02736")


class Cheng2020Anchor(ZooCodec):
    """Residual blocks and autoregressive context; one Gaussian a latent, where the paper mixes three."""

    name = architecture = "cheng2020-anchor"
    number = 5
    card = zoo_card("Residual blocks, autoregressive context", CSTK, "https://arxiv.org/abs/2001.01568")


class Cheng2020Attn(ZooCodec):
    """The anchor with attention: the "GMM" of Janeiro et al. 2023, though CompressAI's has one Gaussian a latent."""

    name = architecture = "cheng2020-attn"
    number = 6
    card = zoo_card("Residual blocks, attention, autoregressive context", CSTK, "https://arxiv.org/abs/2001.01568")


@dataclass(frozen=True, kw_only=True)
class PvFactorized(NeuralCodec):
    """A small factorized prior, trained on photographs of solar cells; its weights come with the suite.

    They bring their integer tables, and float64 gives the same pixels on every processor. Sides are filled up to
    multiples of 16 with the edge's pixels.
    """

    precision: str = "float64"
    padding: str = "edge"
    multiple: int = 16

    name: ClassVar[str] = "pv-factorized"
    architecture: ClassVar[str] = "bmshj2018-factorized"
    number: ClassVar[int] = 7
    implemented: ClassVar[Mapping[str, tuple[Any, ...]]] = IMPLEMENTED | SMALL_STEPS
    card: ClassVar[Card] = Card(
        summary="A small factorized prior for photographs of solar cells, through CompressAI.",
        authors="The compression-suite contributors",
        licence="CC-BY-NC-SA-4.0, as the data it was learnt on",
        paper="https://arxiv.org/abs/1802.01436",
        code="https://github.com/InterDigitalInc/CompressAI",
        training_data="The train split of pv-cells@1",
    )

    @property
    def qualities(self) -> range:
        """1 to the number of files."""
        return range(1, len(PV_SHA256) + 1)

    def file(self, quality: int) -> WeightFile:
        """Return the weights of one quality."""
        return pv_weights(PV_WEIGHTS)[quality - 1]


def pv_weights(folder: Path) -> tuple[WeightFile, ...]:
    """Return the files of `PvFactorized` in a directory, with the digests that they must have."""
    remedy = "It comes with the suite: install it anew."
    names = (f"pv-factorized-{quality}.safetensors" for quality in range(1, len(PV_SHA256) + 1))
    return tuple(WeightFile(folder / name, digest, remedy) for name, digest in zip(names, PV_SHA256, strict=True))
