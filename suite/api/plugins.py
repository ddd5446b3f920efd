"""The interface of each plugin kind. A plugin is any object of this shape; nothing has to be inherited.

Every plugin has ``name`` and ``version``; raise the version whenever its numbers may change. Plugins whose fields are
those of a dataclass state their parameters that way, and a protocol then fixes every one of them.
Optional on any of them: ``card: Card``, ``weights: Sequence[WeightFile]``, ``published: Sequence[PublishedWeights]``
(weights to be downloaded or registered by the user) and `Availability`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from suite.api.types import Frame, FrameInfo, Image, Prediction, Sample, Setting, Source, Task, Truth

TrainingStep: TypeAlias = Callable[[Sequence[Image], Sequence[Truth]], float]
"""One step of training on images that went through `Model.geometry`: returns the loss, as it was before the step."""


@runtime_checkable
class Availability(Protocol):
    """A plugin that needs a program or a package which this machine may lack; then its cells are left out.

    A codec needs this only beyond its ``build``: where that raises, the codec is left out for that reason.
    """

    @property
    def unavailable(self) -> str | None:
        """None where the plugin can work, else a sentence on what is missing and how to get it."""


@runtime_checkable
class Codec(Protocol):
    """Image to bytes to image. Called from several threads at once; it never measures itself.

    Optional: ``holds_lock: tuple[str, ...]``, which of "encode" and "decode" keep the interpreter's lock, as pure
    Python does, or ask for it all the time: a run then calls these in a process of its own for each of its threads.
    ``tolerance: float``, by how many of the 255 levels (root mean square over an image) its decoded pixels may differ
    from one kind of processor to another; none where it is not stated.
    """

    name: str
    version: str

    @property
    def build(self) -> str:
        """The library build that makes the bits, such as ``"Pillow 13.0.0, libjpeg-turbo 3.2.0"``.

        Raises a SuiteError that says what to install where the library is not there.
        """

    def settings(self) -> Sequence[Setting]:
        """Return what it can be asked for, from the lowest rate to the highest."""

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream of ``image``. Raises CodecError."""

    def decode(self, data: bytes) -> Image:
        """Return the image in ``data``, of the size that was encoded. Raises CodecError."""


@runtime_checkable
class Dataset(Protocol):
    """An ordered, digest-checked list of samples. `read` is called from several threads at once."""

    name: str
    version: str
    task: Task

    @property
    def classes(self) -> Sequence[str]:
        """The class names; a sample's truth is an index into them."""

    def samples(self) -> Sequence[Sample]:
        """Return the samples in their fixed order; nothing is decoded."""

    def read(self, sample: Sample) -> Source:
        """Return a sample's upright RGB original. Raises CorruptImage or MissingData."""


@runtime_checkable
class Model(Protocol):
    """A pretrained network for one task."""

    name: str
    version: str
    task: Task
    classes: int
    thread_safe: bool
    """Whether `predict` may run in several threads at once (a torch network in evaluation mode may)."""

    def load(self, device: str) -> None:
        """Load the weights onto ``"cpu"`` or ``"cuda:N"``. Raises MissingWeights or AlteredWeights."""

    def geometry(self, image: Image) -> Image:
        """Return ``image`` after the resize and crop that the model prescribes, on the CPU."""

    def predict(self, images: Sequence[Image], frames: Sequence[FrameInfo]) -> Sequence[Prediction]:
        """Return one prediction an image; ``images`` have been through `geometry`."""


@runtime_checkable
class LayoutChoice(Protocol):
    """A model that can run in several memory layouts; the host measures which is fastest."""

    layouts: Sequence[str]

    def use_layout(self, layout: str) -> None:
        """Run in ``layout`` from now on."""


@runtime_checkable
class Trainable(Protocol):
    """A model whose network can be trained; the host times a step of it."""

    def trainer(self) -> TrainingStep:
        """Return a step on a copy of the loaded network, in the layout in use; the model itself answers as before.

        A step is one of stochastic gradient descent with momentum: all weights, training mode, cross-entropy, float32
        as the host has set it. Each call of this starts anew; copy and momentum live as long as what it returns.
        """


@runtime_checkable
class Restoration(Protocol):
    """A mitigation in front of any model: decoded frames to better images of the same size."""

    name: str
    version: str

    def load(self, device: str) -> None:
        """Load the weights, if any, onto ``device``."""

    def restore(self, frames: Sequence[Frame]) -> Sequence[Image]:
        """Return one restored image a frame."""


@runtime_checkable
class Retraining(Protocol):
    """A mitigation inside a model: other weights for the same task."""

    name: str
    version: str

    def models(self) -> Sequence[str]:
        """Return the names of the models it has weights for."""

    def adapt(self, model: Model) -> Model:
        """Return ``model`` with the other weights; ``model`` itself stays as it is."""
