"""The last layer of a classifier, learnt on a frozen backbone's features: how the solar-cell models were made.

Features come from the train split only. They are standardised with its mean and deviation, an L2-regularised logistic
regression is fitted in float64, and the standardisation is folded back, so that the layer takes the features as they
are. A deviation counts as at least the median of all: plain standardisation gave features that hardly ever fire huge
weights, and the layers were worse on the uncompressed validation split (0.870, 0.882, 0.874 for Lite0, 1, 2 against
0.878, 0.885, 0.889). The weakness was noticed on compressed test images; the remedy was judged on validation.

Nothing is random: one machine gives the same bytes every time. Others give the same layer up to rounding, because a
network's features differ in their last digits between CPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.api import Dataset, Image, LayoutChoice, Sample
from suite.data import manifest_digest
from suite.digest import canonical_json, sha256_of_bytes
from suite.environment import cores
from suite.errors import UsageError
from suite.progress import Progress
from suite.stages.model_stage import prepare_worker

RECIPE = "linear-probe@1"
INVERSE_REGULARISATION = 0.01
TOLERANCE = 1e-8
MOST_ITERATIONS = 10_000
BATCH = 4


class Backbone(Protocol):
    """A network without its last layer; `suite.api.torch.TorchClassifier` is one."""

    name: str

    def load(self, device: str) -> None:
        """Load the weights onto ``"cpu"``."""

    def geometry(self, image: Image) -> Image:
        """Return ``image`` after the resize and crop that the model prescribes."""

    def features(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return what the last layer sees, shape (images, features). Called from several threads at once."""


class Features(NamedTuple):
    """What the last layer sees of a split, shape (samples, features), and what is true, shape (samples,)."""

    values: NDArray[np.float32]
    truths: NDArray[np.int64]


class Head(NamedTuple):
    """A linear layer of two classes: weight (2, features) and bias (2,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


class TrainedHead(NamedTuple):
    """A written layer: its file, the file's ``sha256:…``, and the fraction it gets right of each split."""

    path: Path
    sha256: str
    train_accuracy: float
    validation_accuracy: float


def train_linear_probe(
    model: Any, *, train: Dataset, validation: Dataset, out: Path, progress: Progress
) -> TrainedHead:
    """Learn the last layer of ``model`` from its ``backbone``, on the CPU, and write it to ``out`` as safetensors.

    Only ``train`` is learnt from; ``validation`` is measured. Raises UsageError for a model without backbone, for
    other than two classes, and where scikit-learn is missing.
    """
    backbone = checked_backbone(model)
    if len(train.classes) != 2:
        raise UsageError(f"The recipe {RECIPE} learns two classes, but {train.name} has {len(train.classes)}.")
    regression = regression_class()
    backbone.load("cpu")
    seen = features_of(backbone, train, progress=progress)
    head = fit(seen, regression=regression)
    unseen = features_of(backbone, validation, progress=progress)
    data = head_bytes(head, provenance(model, backbone, train))
    write_bytes(out, data)
    return TrainedHead(out, sha256_of_bytes(data), accuracy(head, seen), accuracy(head, unseen))


def checked_backbone(model: Any) -> Backbone:
    """Return what a model's last layer is learnt from. Raises UsageError."""
    backbone: Backbone | None = getattr(model, "backbone", None)
    if backbone is None:
        name = getattr(model, "name", type(model).__name__)
        raise UsageError(f"The model {name} has no backbone to learn on. Choose a pv-efficientnet-lite.")
    return backbone


def regression_class() -> Callable[..., Any]:
    """Return scikit-learn's logistic regression. Raises UsageError where it is not installed."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise UsageError("Training needs scikit-learn. Run: pip install 'compression-suite[train]'") from error
    return LogisticRegression  # type: ignore[no-any-return]


def features_of(backbone: Backbone, dataset: Dataset, *, progress: Progress, limit: int | None = None) -> Features:
    """Return a loaded backbone's features of a dataset's first ``limit`` samples, on every core of this machine."""
    samples = dataset.samples()[:limit]
    batches = [samples[start : start + BATCH] for start in range(0, len(samples), BATCH)]
    if isinstance(backbone, LayoutChoice):
        backbone.use_layout("channels_last")
    progress.start(f"{backbone.name}: features of {dataset.name}", len(samples))
    values = list(mapped(partial(batch_features, backbone, dataset), batches, progress))
    truths = np.array([sample.truth for sample in samples], np.int64)
    return Features(np.concatenate(values), truths)


def mapped(
    compute: Callable[[Sequence[Sample]], NDArray[np.float32]], batches: Sequence[Sequence[Sample]], progress: Progress
) -> Iterator[NDArray[np.float32]]:
    """Yield ``compute`` of each batch, in order. One thread an operator: sums do not depend on the number of cores."""
    with ThreadPoolExecutor(cores(), initializer=partial(prepare_worker, 1, tf32=False)) as pool:
        for batch, values in zip(batches, pool.map(compute, batches), strict=True):
            progress.advance(len(batch))
            yield values


def batch_features(backbone: Backbone, dataset: Dataset, batch: Sequence[Sample]) -> NDArray[np.float32]:
    """Return the features of a few samples."""
    return backbone.features([backbone.geometry(dataset.read(sample).image) for sample in batch])


def fit(features: Features, *, regression: Callable[..., Any]) -> Head:
    """Return the two-class layer: its logits are -z/2 and z/2, where z is the regression's log odds of class 1."""
    values = features.values.astype(np.float64)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    # A feature that hardly ever fires would else get a huge weight, and compression makes such features fire.
    deviation = np.maximum(deviation, np.median(deviation) or 1)
    model = regression(C=INVERSE_REGULARISATION, solver="lbfgs", tol=TOLERANCE, max_iter=MOST_ITERATIONS)
    model.fit((values - mean) / deviation, features.truths)
    slope = model.coef_[0] / deviation
    offset = model.intercept_[0] - slope @ mean
    signs = np.array([-0.5, 0.5])
    return Head((signs[:, None] * slope).astype(np.float32), (signs * offset).astype(np.float32))


def accuracy(head: Head, features: Features) -> float:
    """Return the fraction of samples whose higher logit is the truth."""
    logits = features.values @ head.weight.T + head.bias
    return float(np.mean(logits.argmax(axis=1) == features.truths))


def provenance(model: Any, backbone: Backbone, train: Dataset) -> str:
    """Return what the layer was made from, as canonical JSON."""
    return canonical_json(
        {
            "recipe": RECIPE,
            "model": f"{model.name}@{model.version}",
            "backbone": [weight.sha256 for weight in getattr(backbone, "weights", ())],
            "dataset": f"{train.name}@{train.version}",
            "train": manifest_digest(train.samples()),
            "classes": list(train.classes),
        }
    )


def head_bytes(head: Head, made_from: str) -> bytes:
    """Return the safetensors file of a layer."""
    from safetensors.numpy import save

    # One entry of metadata only: safetensors writes several in random order.
    data: bytes = save({"weight": head.weight, "bias": head.bias}, metadata={"made_from": made_from})
    return data


def read_head(path: Path) -> Head:
    """Return the layer in a file that `train_linear_probe` wrote."""
    from safetensors.numpy import load_file

    tensors = load_file(path)
    return Head(tensors["weight"], tensors["bias"])


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises UsageError where it cannot be written."""
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}). Choose another --out.") from error
