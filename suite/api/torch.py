"""What plugins on top of torch share: a classifier around any network, weights read safely, exact float32.

torch itself is imported when a network is loaded, so that naming, listing and planning with models stay quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import KW_ONLY, dataclass, field
from io import BytesIO
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from suite.api.plugins import TrainingStep
from suite.api.types import Card, Classification, FrameInfo, Image, Task, Truth
from suite.api.weights import PublishedWeights, WeightFile
from suite.errors import AlteredWeights, InvalidPlugin, PredictionError, UsageError

if TYPE_CHECKING:
    import torch

Tensor: TypeAlias = "torch.Tensor"
Network: TypeAlias = "torch.nn.Module"

MEMORY_FORMATS = {"channels_last": "channels_last", "contiguous": "contiguous_format"}
"""Layouts, and what torch calls them."""
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 1e-3, 0.9, 5e-4
"""Of a training step: what Ehrlich et al. 2020 begin their retraining with."""
AUXILIARY_WEIGHT = 0.3
"""What the loss of an auxiliary head counts in training (Szegedy et al. 2015, Going deeper with convolutions)."""


@dataclass(eq=False)
class TorchClassifier:
    """A `suite.api.Model` around a network that maps normalised images to logits.

    ``network`` builds it with its weights; it is called by `load` only, after ``weights`` are checked.
    ``resize`` is the geometry. ``mean`` and ``std`` normalise RGB scaled to [0, 1].
    ``published`` says where those of ``weights`` that a user fetches are offered.
    ``embed`` maps (network, normalised images) to the (n, features) that the last layer sees; None: not offered.
    ``backbone`` is the classifier without its own last layer, from which `suite.training` learns one; None: nothing to.
    In layout ``"contiguous"`` (the default) the logits on a CPU are bit for bit those of a plain Pillow, torchvision
    and torch loop over the same batches.
    """

    name: str
    version: str
    _: KW_ONLY
    classes: int
    network: Callable[[], Network]
    resize: Callable[[Image], Image]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: tuple[WeightFile, ...] = ()
    published: tuple[PublishedWeights, ...] = ()
    card: Card = field(default_factory=lambda: Card(summary=""))
    embed: Callable[[Network, Tensor], Tensor] | None = None
    backbone: TorchClassifier | None = None

    task: Task = field(default=Task.CLASSIFICATION, init=False)
    thread_safe: bool = field(default=True, init=False)
    layouts: Sequence[str] = field(default=tuple(MEMORY_FORMATS), init=False)
    _layout: str = field(default="contiguous", init=False)
    _device: str = field(default="cpu", init=False)
    _network: Network | None = field(default=None, init=False, repr=False)
    _mean: Tensor = field(init=False, repr=False)
    _std: Tensor = field(init=False, repr=False)

    def load(self, device: str) -> None:
        """Put the network on ``"cpu"`` or ``"cuda:N"``. Raises MissingWeights, AlteredWeights, UsageError."""
        import torch

        self._device = checked_device(device)
        for file in self.weights:
            file.verified()
        network = self.network().eval().requires_grad_(requires_grad=False)
        self._network = network.to(self._device, memory_format=memory_format(self._layout))
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float32, device=self._device).view(1, 3, 1, 1)
            for values in (self.mean, self.std)
        )

    def use_layout(self, layout: str) -> None:
        """Run in ``"channels_last"`` or ``"contiguous"`` from now on; not while another thread predicts."""
        if layout not in MEMORY_FORMATS:
            raise UsageError(
                f"Expected {self.name}'s layout to be one of {', '.join(MEMORY_FORMATS)}, but got '{layout}'."
            )
        self._layout = layout
        if self._network is not None:
            self._network.to(memory_format=memory_format(layout))

    def geometry(self, image: Image) -> Image:
        """Return ``image`` after the model's resize and crop, uint8."""
        return self.resize(image)

    def predict(self, images: Sequence[Image], frames: Sequence[FrameInfo]) -> Sequence[Classification]:
        """Return the logits of each image. Raises PredictionError."""
        if len(images) != len(frames):
            raise PredictionError(f"Expected one frame an image, but got {len(frames)} for {len(images)} images.")
        if not images:
            return []
        import torch

        with torch.inference_mode():
            logits = self.forward(self._on_device(images)).float().cpu().numpy()
        if logits.shape != (len(images), self.classes):
            raise PredictionError(
                f"Expected {self.name} to give scores of shape {(len(images), self.classes)}, but got {logits.shape}."
            )
        return [Classification(scores) for scores in logits]

    def features(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return what the last layer sees of images that went through `geometry`, shape (images, features)."""
        import torch

        with torch.inference_mode():
            embedded = self.forward_features(self._on_device(images))
        return np.asarray(embedded.float().cpu().numpy(), dtype=np.float32)

    def trainer(self) -> TrainingStep:
        """Return a training step on a copy of the network, as `suite.api.Trainable` describes it.

        What its layers draw at random (dropout) comes from torch's own generator. Raises PredictionError.
        """
        import torch

        network = deepcopy(self._loaded()).train().requires_grad_(requires_grad=True)
        optimiser = torch.optim.SGD(
            network.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )

        def step(images: Sequence[Image], truths: Sequence[Truth]) -> float:
            expected = torch.tensor(truths, dtype=torch.int64, device=self._device)
            loss = loss_of(network(self._normalised(self._on_device(images))), expected)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            return float(loss.detach())

        return step

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of float images in [0, 1], shape (n, 3, h, w); differentiable with respect to ``x``."""
        return self._loaded()(self._normalised(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """Return what the last layer sees of float images in [0, 1]; differentiable with respect to ``x``."""
        if self.embed is None:
            raise PredictionError(f"The model {self.name} does not offer its features.")
        return self.embed(self._loaded(), self._normalised(x))

    def _loaded(self) -> Network:
        if self._network is None:
            raise PredictionError(f"The model {self.name} is not loaded. Call load(device) first.")
        return self._network

    def _normalised(self, x: Tensor) -> Tensor:
        # torchvision's Normalize subtracts, then divides; x * scale + shift would round differently.
        return (x - self._mean) / self._std

    def _on_device(self, images: Sequence[Image]) -> Tensor:
        """Return images as float32 in [0, 1] on the device, shape (n, 3, h, w) in the layout in use."""
        import torch

        pixels = stacked(images, pinned=self._device != "cpu").to(self._device, non_blocking=True)
        x = pixels.permute(0, 3, 1, 2)
        return x.contiguous(memory_format=memory_format(self._layout)).to(torch.float32).div_(255)


def stacked(images: Sequence[Image], *, pinned: bool) -> Tensor:
    """Return uint8 images as one tensor (n, height, width, 3). Raises PredictionError when their shapes differ."""
    shapes = {image.shape for image in images}
    if len(shapes) != 1 or any(image.dtype != np.uint8 for image in images):
        kinds = sorted({f"{image.shape} {image.dtype}" for image in images})
        raise PredictionError(f"Expected a batch of uint8 images of one shape, but got {', '.join(kinds) or 'none'}.")
    import torch

    pixels = torch.empty((len(images), *shapes.pop()), dtype=torch.uint8, pin_memory=pinned)
    np.stack(images, out=pixels.numpy())
    return pixels


def loss_of(output: Any, truths: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits, shape (n, classes), for truths, shape (n,).

    Of a tuple the first are the network's; the others are of auxiliary heads, as Inception has in training mode.
    """
    import torch

    heads = [output] if isinstance(output, torch.Tensor) else [head for head in output if head is not None]
    own, *auxiliary = (torch.nn.functional.cross_entropy(head, truths) for head in heads)
    return own + AUXILIARY_WEIGHT * torch.stack(auxiliary).sum() if auxiliary else own


def memory_format(layout: str) -> Any:
    """Return torch's name for a layout."""
    import torch

    return getattr(torch, MEMORY_FORMATS[layout])


def checked_device(device: str) -> str:
    """Return ``device`` if it is ``"cpu"``, ``"cuda"`` or ``"cuda:N"`` and on this machine. Raises UsageError."""
    import torch

    kind, _, index = device.partition(":")
    if device == "cpu":
        return device
    if kind != "cuda" or not (index.isdecimal() or device == "cuda"):
        raise UsageError(f"Expected a device such as 'cpu' or 'cuda:0', but got '{device}'.")
    if int(index or 0) >= torch.cuda.device_count():
        raise UsageError(f"The device '{device}' is not there: torch sees {torch.cuda.device_count()} CUDA devices.")
    return device


def read_state(file: WeightFile) -> dict[str, Tensor]:
    """Return the tensors in a ``.safetensors`` file or a torch state dict, checked and without unpickling code.

    A state dict's versions of its modules (``_metadata``) stay with it: loading some networks needs them.
    Raises MissingWeights, AlteredWeights, or InvalidPlugin for a file that holds anything but tensors.
    """
    import torch

    data = file.verified().read_bytes()
    if file.path.suffix == ".safetensors":
        from safetensors.torch import load

        return dict(load(data))
    try:
        return state_dict(torch.load(BytesIO(data), map_location="cpu", weights_only=True))
    except (UnpicklingError, EOFError, RuntimeError, TypeError, ValueError) as error:
        # torch's own message advises weights_only=False, which runs whatever code the file holds.
        raise InvalidPlugin(
            f"The weights {file.path} are no dictionary of tensors. Save network.state_dict(), or use safetensors."
        ) from error


def state_dict(loaded: Any) -> dict[str, Tensor]:
    """Return what a file held if it is a dictionary. Raises TypeError."""
    if not isinstance(loaded, dict):
        raise TypeError(f"expected a dictionary of tensors, but got {type(loaded).__name__}")
    return loaded


def load_in_order(network: Network, state: dict[str, Tensor], *, source: str) -> None:
    """Copy ``state`` into ``network`` tensor by tensor, for networks that differ in their names only.

    Raises AlteredWeights when count or shapes differ.
    """
    names = list(network.state_dict())
    shapes = [tuple(tensor.shape) for tensor in network.state_dict().values()]
    if shapes != [tuple(tensor.shape) for tensor in state.values()]:
        raise AlteredWeights(f"{source} does not fit {type(network).__name__}: other tensors than its {len(names)}.")
    network.load_state_dict(dict(zip(names, state.values(), strict=True)))


def exact_float32(*, tf32: bool = False) -> None:
    """Make float32 mean the same on every device; ``tf32`` allows the shortened products of NVIDIA GPUs.

    Uses torch's ``fp32_precision`` settings only: once they are set, reading or writing the older ``allow_tf32`` flags
    raises. cuDNN's benchmark is off, as it picks algorithms by their speed at the moment.
    """
    import torch

    precision = "tf32" if tf32 else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision
    torch.backends.cudnn.rnn.fp32_precision = precision
    torch.backends.mkldnn.matmul.fp32_precision = "ieee"
    torch.backends.mkldnn.conv.fp32_precision = "ieee"
    torch.backends.mkldnn.rnn.fp32_precision = "ieee"
    torch.backends.cudnn.benchmark = False
