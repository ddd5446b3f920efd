"""CompressAI's networks: weights to a network, an image to strings and latents, and strings to latents and an image.

Encoder and decoder run the same lines between latents and tables, so that they agree by construction.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from itertools import chain, repeat
from threading import Lock
from types import EllipsisType, ModuleType
from typing import Protocol, TypeAlias

import numpy as np

from plugins.codecs.checks import optional_package
from plugins.codecs.neural_bitstream import PROBE_INDEXES, RATE_BITS, Reader, Tables, fenced, unfenced
from suite.api import Image, WeightFile
from suite.api.torch import Network, Tensor, read_state
from suite.errors import AlteredWeights, CodecError

REMEDY = "Install compressai 1.2.8 (Python up to 3.12): see README, 'Neural codecs'."
ARCHITECTURES = {
    "bmshj2018-factorized": "FactorizedPrior",
    "bmshj2018-hyperprior": "ScaleHyperprior",
    "mbt2018-mean": "MeanScaleHyperprior",
    "mbt2018": "JointAutoregressiveHierarchicalPriors",
    "cheng2020-anchor": "Cheng2020Anchor",
    "cheng2020-attn": "Cheng2020Attention",
}
"""CompressAI's names: of the architecture in its zoo, and of the class."""

LATENT_STEP, HYPER_STEP = 16, 4
"""Pixels a side of one latent, and latents a side of one hyper-latent."""
CONTEXT, MARGIN = 5, 2
"""Side of the window of latents that the autoregressive models look at, and how far it reaches."""

LARGEST_SYMBOL = 1 << 26
"""Far more than networks give. CompressAI's encoder never returns from one that, doubled, has 29 bits or more."""

At: TypeAlias = "EllipsisType | tuple[slice, slice, int, int]"
"""Which of the latents: all, or all channels at one place."""

MOST_AT_ONCE = 1 << 18
"""Symbols: 22 MB of zeros behind the string, for the worst that it could hold."""

BUFFERS = ("_quantized_cdf", "_offset", "_cdf_length")
LOADING = Lock()


class Coder(Protocol):
    """One direction of entropy coding."""

    def code(self, part: str, at: At, indexes: Iterable[int], means: Tensor) -> Tensor:
        """Return the quantised latents at ``at``, of the shape of their ``means``; ``indexes`` name their tables."""


class Encoding:
    """Quantises latents around their means and keeps the symbols; ``latents`` are tensors (1, channels, h, w)."""

    def __init__(self, latents: dict[str, Tensor]) -> None:
        self.symbols: dict[str, list[int]] = {part: [] for part in latents}
        self.indexes: dict[str, list[int]] = {part: [] for part in latents}
        self._latents = latents

    def code(self, part: str, at: At, indexes: Iterable[int], means: Tensor) -> Tensor:
        """Round half to even."""
        symbols = (self._latents[part][at] - means).round()
        self.symbols[part] += symbols.int().flatten().tolist()
        self.indexes[part] += indexes
        return symbols + means


class Decoding:
    """Reads quantised latents from their strings."""

    def __init__(self, strings: dict[str, bytes], tables: dict[str, Tables]) -> None:
        self._strings, self._tables = strings, tables
        self._readers: dict[str, Reader] = {}

    def code(self, part: str, at: At, indexes: Iterable[int], means: Tensor) -> Tensor:
        """Raise CodecError for a string that is not of such latents, before the network works on their size."""
        import torch

        tables = self._tables[part]
        if at is ...:
            symbols = entropy_decoded(self._strings[part], tables, indexes, means.numel())
        else:
            symbols = self._reader(part).symbols(tables, indexes)
        values = np.fromiter(symbols, np.int32, len(symbols)).reshape(means.shape)
        return torch.from_numpy(values).to(means) + means

    def finish(self) -> None:
        """Raise CodecError unless what was read place by place is read to its end."""
        for reader in self._readers.values():
            reader.finish()

    def _reader(self, part: str) -> Reader:
        if part not in self._readers:
            self._readers[part] = Reader(self._strings[part])
        return self._readers[part]


@dataclass(frozen=True)
class NeuralNetwork:
    """A network of CompressAI and its tables: ``"y"`` of latents, and ``"z"`` of hyper-latents where it has any."""

    network: Network
    tables: dict[str, Tables]
    precision: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the strings in the order in which they are decoded."""
        return ("z", "y") if "z" in self.tables else ("y",)

    def encoded(self, image: Image) -> tuple[tuple[bytes, ...], Image]:
        """Return the strings of an image, and what its quantised latents give; its sides fit the network."""
        with exact_arithmetic():
            y = self.network.g_a(self._tensor(image))
            latents = {"y": y}
            if "z" in self.tables:
                latents["z"] = self.network.h_a(y.abs() if kind(self.network) == "ScaleHyperprior" else y)
            coder = Encoding(latents)
            pixels = self._synthesised(coded(self.network, coder, *y.shape[2:]))
        strings = (entropy_coded(coder.symbols[part], coder.indexes[part], self.tables[part]) for part in self.parts)
        return tuple(strings), pixels

    def decoded(self, strings: Sequence[bytes], height: int, width: int) -> Image:
        """Return the image in ``strings``, of so many pixels. Raises CodecError."""
        coder = Decoding(dict(zip(self.parts, strings, strict=True)), self.tables)
        with exact_arithmetic():
            y_hat = coded(self.network, coder, height // LATENT_STEP, width // LATENT_STEP)
            coder.finish()
            return self._synthesised(y_hat)

    def _tensor(self, image: Image) -> Tensor:
        """Return pixels as (1, 3, h, w) in [0, 1]."""
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None]))
        return pixels.to(getattr(torch, self.precision)).div_(255)

    def _synthesised(self, y_hat: Tensor) -> Image:
        """Return the image of quantised latents, clamped, rounded half to even."""
        x = self.network.g_s(y_hat).clamp_(0, 1).mul_(255).round_()
        return x[0].permute(1, 2, 0).byte().contiguous().numpy()


def coded(network: Network, coder: Coder, height: int, width: int) -> Tensor:
    """Return the quantised latents, (1, channels, height, width), after ``coder`` has coded all of them."""
    if not hasattr(network, "h_s"):
        return bottleneck(network, coder, "y", height, width)
    z_hat = bottleneck(network, coder, "z", height // HYPER_STEP, width // HYPER_STEP)
    parameters = network.h_s(z_hat)
    if hasattr(network, "context_prediction"):
        return autoregressed(network, coder, parameters)
    if kind(network) == "ScaleHyperprior":
        scales, means = parameters, parameters.new_zeros(()).expand(parameters.shape)
    else:
        scales, means = parameters.chunk(2, 1)
    return coder.code("y", ..., scale_indexes(network, scales), means)


def bottleneck(network: Network, coder: Coder, part: str, height: int, width: int) -> Tensor:
    """Code latents that have one table a channel."""
    medians = network.entropy_bottleneck.quantiles[:, 0, 1].reshape(1, -1, 1, 1)
    channels = medians.shape[1]
    indexes = chain.from_iterable(repeat(channel, height * width) for channel in range(channels))
    return coder.code(part, ..., indexes, medians.expand(1, channels, height, width))


def autoregressed(network: Network, coder: Coder, parameters: Tensor) -> Tensor:
    """Code latents place by place, each with means and scales from the hyper-latents and the places before it.

    ``parameters``: (1, 2 * channels, height, width). The calls are those of CompressAI, for the same bits.
    """
    import torch

    context = network.context_prediction
    kernel, bias = context.weight * context.mask, context.bias
    _, channels, height, width = parameters.shape
    y_hat = parameters.new_zeros(1, channels // 2, height + 2 * MARGIN, width + 2 * MARGIN)
    for row in range(height):
        for column in range(width):
            window = y_hat[:, :, row : row + CONTEXT, column : column + CONTEXT]
            here = parameters[:, :, row : row + 1, column : column + 1]
            known = torch.cat((here, torch.nn.functional.conv2d(window, kernel, bias=bias)), dim=1)
            scales, means = network.entropy_parameters(known)[:, :, 0, 0].chunk(2, 1)
            at = (slice(None), slice(None), row, column)
            y_hat[:, :, row + MARGIN, column + MARGIN] = coder.code("y", at, scale_indexes(network, scales), means)
    return y_hat[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].contiguous()


def scale_indexes(network: Network, scales: Tensor) -> list[int]:
    """Return which table of the Gaussian conditional each scale takes: the first that is not narrower, or the last."""
    import torch

    conditional = network.gaussian_conditional
    bounded = conditional.lower_bound_scale(scales)
    indexes: list[int] = torch.bucketize(bounded, conditional.scale_table[:-1]).flatten().tolist()
    return indexes


def kind(network: Network) -> str:
    """Return the name of CompressAI's class."""
    return type(network).__name__


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Compute without gradients and on one thread: the bits of torch's results depend on how many threads share them.

    torch keeps their number for each thread apart, so other threads are not slowed.
    """
    import torch

    threads = torch.get_num_threads()
    if threads != 1:
        torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        if threads != 1:
            torch.set_num_threads(threads)


def entropy_coded(symbols: list[int], indexes: list[int], tables: Tables) -> bytes:
    """Return symbols as a string, by CompressAI's rANS encoder. Raises CodecError for what it cannot write."""
    if not -LARGEST_SYMBOL < min(symbols) <= max(symbols) < LARGEST_SYMBOL:
        raise CodecError(f"Latents from {min(symbols)} to {max(symbols)}: the weights give no finite numbers.")
    from compressai.ans import RansEncoder

    data: bytes = RansEncoder().encode_with_indexes(symbols, indexes, tables.rows, tables.lengths, tables.offsets)
    return data


def entropy_decoded(string: bytes, tables: Tables, indexes: Iterable[int], count: int) -> list[int]:
    """Return all ``count`` symbols of a string. Raises CodecError unless it ends with the last.

    By CompressAI's decoder, 2 ms for the 37,000 symbols of a 500x375 with 48 channels instead of 6, in which no other
    thread runs; a string of very many is read by `Reader`, which takes no memory for a size that was only announced.
    """
    if count > MOST_AT_ONCE:
        reader = Reader(string)
        symbols = reader.symbols(tables, indexes)
        reader.finish()
        return symbols
    from compressai.ans import RansDecoder

    every = [*indexes, *(len(tables.rows) + index for index in PROBE_INDEXES)]
    probed = tables.with_probe
    return unfenced(
        RansDecoder().decode_with_indexes(fenced(string, count), every, probed.rows, probed.lengths, probed.offsets)
    )


def loaded(architecture: str, file: WeightFile, precision: str) -> NeuralNetwork:
    """Return the network with the weights in ``file``; the same object for the same request from then on.

    Raises MissingWeights, AlteredWeights or InvalidPlugin.
    """
    with LOADING:
        return _loaded(architecture, file, precision)


@cache
def _loaded(architecture: str, file: WeightFile, precision: str) -> NeuralNetwork:
    import torch

    state = read_state(file)
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # CompressAI draws weights, then overwrites them
        network = network_of(architecture, state, file)
        if any(table.numel() == 0 for name, table in network.named_buffers() if name.endswith(BUFFERS)):
            network.update(force=True)
    network.eval().requires_grad_(False).to(getattr(torch, precision))
    if precision == "float64":
        fold_deconvolutions(network)
    return NeuralNetwork(network, tables_of(network, file), precision)


def fold_deconvolutions(network: Network) -> None:
    """Have a network's transposed convolutions done by `folded`."""
    import torch

    for layer in network.modules():
        if isinstance(layer, torch.nn.ConvTranspose2d) and layer.groups == 1 and layer.dilation == (1, 1):
            layer.forward = partial(folded, layer)


def folded(layer: Network, x: Tensor) -> Tensor:
    """Return what a transposed convolution gives of one image, (1, channels, height, width), to the bit in float64.

    In 0.83 of torch's time (2.15, one core of a Xeon): that fills the products, 25 for each value, with zeros first.
    """
    from torch.nn.functional import fold

    products = layer.weight.flatten(1).t() @ x[0].flatten(1)
    sides = [
        (side - 1) * stride - 2 * padding + kernel + more
        for side, stride, padding, kernel, more in zip(
            x.shape[2:], layer.stride, layer.padding, layer.kernel_size, layer.output_padding, strict=True
        )
    ]
    image = fold(products[None], sides, layer.kernel_size, padding=layer.padding, stride=layer.stride)
    return image if layer.bias is None else image.add_(layer.bias[:, None, None])


def network_of(architecture: str, state: dict[str, Tensor], file: WeightFile) -> Network:
    """Return a network with a state in the zoo's format, of any age; tables that it lacks are left empty."""
    models = compressai_module("compressai.models")
    state = compressai_module("compressai.zoo.pretrained").load_pretrained(state)
    try:
        return getattr(models, ARCHITECTURES[architecture]).from_state_dict(with_tables(state))
    except (KeyError, IndexError, RuntimeError) as error:
        raise AlteredWeights(
            f"The weights {file.path} are not those of {architecture} ({error!r:.300}). {file.remedy}"
        ) from error


def with_tables(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return ``state`` with an empty tensor for each table that it lacks, which CompressAI then makes."""
    import torch

    models = ("entropy_bottleneck", "gaussian_conditional") if "h_s.0.weight" in state else ("entropy_bottleneck",)
    empty = {f"{model}.{name}": torch.IntTensor() for model in models for name in BUFFERS}
    if len(models) > 1:
        empty["gaussian_conditional.scale_table"] = torch.Tensor()
    return empty | state


def tables_of(network: Network, file: WeightFile) -> dict[str, Tables]:
    """Return the tables of each string. Raises AlteredWeights for one that is none."""
    if not hasattr(network, "h_s"):
        return {"y": checked_tables(network.entropy_bottleneck, file)}
    return {
        "z": checked_tables(network.entropy_bottleneck, file),
        "y": checked_tables(network.gaussian_conditional, file),
    }


def checked_tables(model: Network, file: WeightFile) -> Tables:
    """Return an entropy model's tables. Raises AlteredWeights unless each row rises from 0 to 2**16."""
    lengths = model._cdf_length.flatten().tolist()
    table = model._quantized_cdf.cpu().numpy()
    rows = [table[index, :length] for index, length in enumerate(lengths)]
    whole = all(len(row) > 2 and row[0] == 0 and row[-1] == 1 << RATE_BITS and (np.diff(row) > 0).all() for row in rows)
    if not whole or len(rows) != len(table) or len(model._offset) != len(table):
        raise AlteredWeights(f"The weights {file.path} hold damaged entropy tables. {file.remedy}")
    return Tables([row.tolist() for row in rows], model._offset.flatten().tolist())


def compressai_module(name: str) -> ModuleType:
    """Import a module of CompressAI, which takes some seconds the first time. Raises InvalidPlugin without it."""
    with warnings.catch_warnings():
        # Of a class of compressai's for point clouds, which torch tells it to write differently.
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated", category=FutureWarning)
        return optional_package(name, REMEDY)


def build() -> str:
    """Return the versions and the processor's capability that decide the bits. Raises CodecError without CompressAI."""
    try:
        version = metadata.version("compressai")
    except metadata.PackageNotFoundError as error:
        raise CodecError(REMEDY) from error
    import torch

    return f"compressai {version}, torch {torch.__version__}, cpu {torch.backends.cpu.get_cpu_capability()}"
