"""A small neural codec at several rates, learnt on a dataset's train split: how `pv-factorized-1` to `-6` were made.

The network is CompressAI's ``FactorizedPrior(N=32, M=48)`` (Ballé et al. 2018, arXiv:1802.01436). Parameters are
rounded to float16 and the entropy coder's tables made from the rounded ones, so that no reader has to make them again.

``suite train factorized-prior --out plugins/codecs/weights`` made the six files, with compressai 1.2.8 and torch 2.15.0
on one thread of a shared two-core Xeon, in 23 minutes. They are under CC-BY-NC-SA-4.0, as the solar cells they were
learnt from. One seed gives one machine the same bytes every time; another machine's float32 sums give other weights.

Means over the 262 validation images, with JPEG's and WebP's PSNR at the same rate (every second image, log-linear
between qualities; - where they do not go so low):

    file   lambda   bits per pixel   PSNR, dB    JPEG    WebP
    1      0.0003           0.0238      28.35       -       -
    2      0.001            0.0451      30.17       -       -
    3      0.003            0.1070      32.16       -   36.95
    4      0.01             0.2549      35.88   33.37   41.25
    5      0.04             0.4553      38.81   41.10   43.70
    6      0.2              0.6190      40.16   43.59   45.05

Rate and PSNR rise from file to file on every one of these images. 12,000 steps are few: WebP is 5 dB better at the same
rate, and this is a codec to study, not one to use. Rounding to float16 moved the rate by 0.1 % and PSNR by 0.01 dB at
most (60 images, files 1, 3 and 6).
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.api import Dataset, Image, Sample
from suite.api.torch import Network, Tensor, exact_float32, stacked
from suite.data import manifest_digest
from suite.digest import canonical_json, sha256_of_bytes
from suite.environment import installed
from suite.errors import UsageError
from suite.metrics.image import bits_per_pixel, psnr_db
from suite.progress import Progress
from suite.training.linear_probe import write_bytes

RECIPE = "factorized-prior@1"
LAMBDAS = (0.0003, 0.001, 0.003, 0.01, 0.04, 0.2)
"""What one unit of squared error (of 8-bit levels) costs in bits per pixel, from the lowest rate to the highest."""
CROP, BATCH = 128, 4
LEARNING_RATE, LAST_LEARNING_RATE = 1e-3, 1e-5
LARGEST_GRADIENT = 1.0
FURTHER_STEPS = 5
LATENT_GAIN = 16.0
STRIDE = 16
"""The network halves an image four times; other sizes are filled up by repeating the last row and column."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What decides the weights besides the images and the constants of this module.

    ``lambdas``: from the lowest rate to the highest. ``steps``: at the highest rate; each further one takes a fifth.
    ``limit``: how many images of each split are used (a trial); None: all. ``threads`` changes last digits of sums.
    """

    channels: int = 32
    latents: int = 48
    lambdas: tuple[float, ...] = LAMBDAS
    steps: int = 6000
    seed: int = 2611
    threads: int = 1
    limit: int | None = None


class Crop(NamedTuple):
    """A square of an image: where its corner lies, 0 to 1 of the room there is, and whether it is turned over."""

    sample: Sample
    top: float
    left: float
    upside_down: bool
    mirrored: bool


class Rate(NamedTuple):
    """A written network: its file, the file's ``sha256:…``, its lambda, and means over the validation images.

    ``bits_per_pixel`` counts the bytes of the entropy coder.
    """

    path: Path
    sha256: str
    trade_off: float
    bits_per_pixel: float
    psnr_db: float


def train_factorized_prior(
    *, train: Dataset, validation: Dataset, out: Path, progress: Progress, name: str, plan: Plan | None = None
) -> tuple[Rate, ...]:
    """Learn one network a lambda, on the CPU, and write ``NAME-1.safetensors`` (the lowest rate) and on into ``out``.

    The highest rate comes first, each further network goes on from the one before, and each is written when it is done.
    Only ``train`` is learnt from; ``validation`` is measured. Raises UsageError without compressai, for images smaller
    than a crop, for a loss that is no longer finite, and where a file cannot be written.
    """
    plan = plan or Plan()
    architecture = factorized_prior_class()
    rates: list[Rate] = []
    with steady(plan):
        network = fresh_network(architecture, plan)
        batches = crops_of(train, plan)
        for number, trade_off in reversed(list(enumerate(plan.lambdas, start=1))):
            path = out / f"{name}-{number}.safetensors"
            steps = max(1, plan.steps // FURTHER_STEPS) if rates else plan.steps
            progress.start(path.stem, steps)
            learn(network, batches, trade_off=trade_off, steps=steps, progress=progress)
            data = network_bytes(network, provenance(train, plan, trade_off))
            write_bytes(path, data)
            rates.append(Rate(path, sha256_of_bytes(data), trade_off, *measured(path, validation, plan)))
            progress.note(f"{path.stem}: {rates[-1].bits_per_pixel:.3f} bpp, {rates[-1].psnr_db:.2f} dB on validation.")
    return tuple(reversed(rates))


def factorized_prior_class() -> Any:
    """Return CompressAI's network, which takes some seconds to import. Raises UsageError without compressai."""
    with warnings.catch_warnings():
        # Of a class of compressai's for point clouds, which torch tells it to write differently.
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated", category=FutureWarning)
        try:
            return importlib.import_module("compressai.models").FactorizedPrior
        except ImportError as error:
            raise UsageError(
                "Training a neural codec needs compressai 1.2.8 (Python up to 3.12): see README, 'Neural codecs'."
            ) from error


@contextmanager
def steady(plan: Plan) -> Iterator[None]:
    """Fix torch's random numbers and the number of its threads, and put both back."""
    import torch

    exact_float32()
    threads = torch.get_num_threads()
    torch.set_num_threads(plan.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            yield
    finally:
        torch.set_num_threads(threads)


def fresh_network(architecture: Any, plan: Plan) -> Network:
    """Return an untrained network that starts as a grey image plus what its latents say.

    Latents of the usual start are far smaller than the noise that stands for rounding, and the last bias would take
    hundreds of steps to climb to the middle of [0, 1].
    """
    import torch

    network = architecture(plan.channels, plan.latents)
    with torch.no_grad():
        network.g_a[-1].weight.mul_(LATENT_GAIN)
        network.g_a[-1].bias.mul_(LATENT_GAIN)
        network.g_s[0].weight.div_(LATENT_GAIN)
        network.g_s[-1].bias.fill_(0.5)
    return network


def crops_of(train: Dataset, plan: Plan) -> Iterator[list[Image]]:
    """Yield batches of random squares without end; each image comes once before any comes again. Raises UsageError."""
    samples = train.samples()[: plan.limit]
    if not samples:
        raise UsageError(f"{train.name} has no image to learn from. Choose another --dataset or --limit.")
    for batch in drawn(samples, np.random.default_rng(plan.seed)):
        yield [cut(train.read(crop.sample).image, crop) for crop in batch]


def drawn(samples: Sequence[Sample], rng: np.random.Generator) -> Iterator[list[Crop]]:
    """Yield what the squares of a batch are to be, without end."""
    order: list[int] = []
    while True:
        while len(order) < BATCH:
            order += rng.permutation(len(samples)).tolist()
        chosen, order = order[:BATCH], order[BATCH:]
        corners, turned = rng.random((BATCH, 2)).tolist(), (rng.random((BATCH, 2)) < 0.5).tolist()
        yield [
            Crop(samples[index], *corner, *turn) for index, corner, turn in zip(chosen, corners, turned, strict=True)
        ]


def cut(image: Image, crop: Crop) -> Image:
    """Return a square of an image, shape (CROP, CROP, 3). Raises UsageError for a smaller image."""
    height, width, _ = image.shape
    if min(height, width) < CROP:
        raise UsageError(f"Expected images of at least {CROP}x{CROP}, but {crop.sample.id} is {width}x{height}.")
    top, left = int(crop.top * (height - CROP + 1)), int(crop.left * (width - CROP + 1))
    square = image[top : top + CROP, left : left + CROP]
    return square[:: -1 if crop.upside_down else 1, :: -1 if crop.mirrored else 1]


def learn(
    network: Network, batches: Iterator[list[Image]], *, trade_off: float, steps: int, progress: Progress
) -> list[float]:
    """Train a network in place with Adam, its rate falling as a cosine; return the loss at each step.

    Raises UsageError for a loss that is no longer finite.
    """
    import torch

    network.train().to(memory_format=torch.channels_last)
    # The quantiles only bound the coder's tables; `tabled` finds them by bisection.
    parameters = [parameter for name, parameter in network.named_parameters() if not name.endswith("quantiles")]
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=LAST_LEARNING_RATE)
    losses = []
    for _ in range(steps):
        loss = cost(network, pixels(next(batches)), trade_off)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        losses.append(finite(loss.item(), trade_off))
        progress.advance(1)
    return losses


def finite(loss: float, trade_off: float) -> float:
    """Return ``loss``. Raises UsageError for infinity or nan."""
    if not math.isfinite(loss):
        raise UsageError(f"At lambda {trade_off} the loss became {loss}. Choose another --seed or fewer --steps.")
    return loss


def cost(network: Network, x: Tensor, trade_off: float) -> Tensor:
    """Return lambda times the squared error of 8-bit levels, plus the estimated bits per pixel, of images in [0, 1]."""
    coded = network(x)
    bits = -coded["likelihoods"]["y"].log2().sum() / (len(x) * x.shape[2] * x.shape[3])
    return trade_off * 255**2 * (coded["x_hat"] - x).square().mean() + bits


def pixels(images: Sequence[Image]) -> Tensor:
    """Return uint8 images of one shape as float32 in [0, 1], shape (n, 3, height, width)."""
    import torch

    x = stacked(images, pinned=False).permute(0, 3, 1, 2)
    return x.contiguous(memory_format=torch.channels_last).to(torch.float32).div_(255)


def network_bytes(network: Network, made_from: str) -> bytes:
    """Return the safetensors file of a network: parameters in float16, constants in float32, tables in int32."""
    from safetensors.torch import save

    ready = tabled(network)
    halves = {name: parameter.detach().half() for name, parameter in ready.named_parameters()}
    tensors = {name: tensor.contiguous() for name, tensor in (ready.state_dict() | halves).items()}
    # One entry of metadata only: safetensors writes several in random order.
    data: bytes = save(tensors, metadata={"made_from": made_from})
    return data


def tabled(network: Network) -> Network:
    """Return a copy whose parameters float16 can hold, with the entropy coder's tables made from those."""
    import torch

    twin = deepcopy(network).eval()
    with torch.no_grad():
        # CompressAI's bisection: the root that its auxiliary loss would creep up to by 0.001 a step.
        twin.entropy_bottleneck._update_quantiles()
        for parameter in twin.parameters():
            parameter.copy_(parameter.half().float())
        twin.update(force=True)
    return twin


def read_network(path: Path) -> Network:
    """Return the network in a file that `train_factorized_prior` wrote, in float32, its tables as they are there."""
    from safetensors.torch import load_file

    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in load_file(path).items()}
    return factorized_prior_class().from_state_dict(state).eval()


def measured(path: Path, validation: Dataset, plan: Plan) -> tuple[float, float]:
    """Return the means over the validation images of bits per pixel, really coded, and of PSNR in dB."""
    network = read_network(path)
    figures = []
    for sample in validation.samples()[: plan.limit]:
        image = validation.read(sample).image
        byte_count, decoded = through(network, image)
        figures.append((bits_per_pixel(byte_count, *image.shape[:2]), psnr_db(image, decoded)))
    rate, fidelity = np.mean(figures, axis=0)
    return float(rate), float(fidelity)


def through(network: Network, image: Image) -> tuple[int, Image]:
    """Return the bytes that an image is coded to, and the image decoded from them."""
    import torch

    height, width, _ = image.shape
    with torch.inference_mode():
        x = torch.nn.functional.pad(pixels([image]), (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        stream = network.compress(x)
        decoded = network.decompress(**stream)["x_hat"][0, :, :height, :width]
        levels = (decoded * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    return len(stream["strings"][0][0]), levels.numpy()


def provenance(train: Dataset, plan: Plan, trade_off: float) -> str:
    """Return what a network was made from, as canonical JSON."""
    return canonical_json(
        {
            "recipe": RECIPE,
            "dataset": f"{train.name}@{train.version}",
            "train": manifest_digest(train.samples()[: plan.limit]),
            "plan": asdict(plan),
            "lambda": trade_off,
            "compressai": installed("compressai"),
            "torch": installed("torch"),
        }
    )
