"""The recipe behind the shipped last layers: its arithmetic, its determinism, and that it makes what is shipped."""

import os
import re
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from suite import registry
from suite.digest import sha256_of_file
from suite.errors import UsageError
from suite.progress import Silent
from suite.training import linear_probe
from suite.training.linear_probe import Features, accuracy, features_of, fit, head_bytes, read_head, train_linear_probe
from tests.fakes import Greys, Means

EVERY_HEAD = os.environ.get("SUITE_TRAIN_ALL_HEADS") == "1"
SHIPPED = {
    "pv-efficientnet-lite0": (0.894, 0.878, 0.848),
    "pv-efficientnet-lite1": (0.898, 0.885, 0.869),
    "pv-efficientnet-lite2": (0.903, 0.889, 0.865),
}
"""Accuracy on train, validation and test."""


class Model:
    """A classifier with a backbone whose features are its images' means."""

    name, version = "mean-probe", "1"
    backbone = Means()


class Counted(Silent):
    """Progress that remembers what it was told."""

    def __init__(self):
        self.started, self.units = [], 0

    def start(self, what, total):
        self.started.append((what, total))

    def advance(self, units):
        self.units += units


@pytest.fixture
def separable(rng):
    """Give features of two overlapping classes; the last feature never varies."""
    truths = rng.integers(0, 2, 300)
    values = rng.normal(size=(300, 6)) * [1, 10, 0.1, 1, 1, 0] + 2 + np.outer(truths, [1, 0, 0.2, 0, 0, 0])
    return Features(values.astype(np.float32), truths)


def probability_of_class_1(head, features):
    """Return the softmax of the head's logits."""
    logits = features.values @ head.weight.T + head.bias
    return np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)


def test_the_head_is_the_standardised_regression_folded_into_one_layer(separable):
    values = separable.values.astype(float)
    scaled = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), np.median(values.std(axis=0)))
    reference = LogisticRegression(C=0.01, tol=1e-8, max_iter=10_000).fit(scaled, separable.truths)
    head = fit(separable, regression=LogisticRegression)
    expected = reference.predict_proba(scaled)[:, 1]
    assert probability_of_class_1(head, separable) == pytest.approx(expected, abs=1e-5)
    assert accuracy(head, separable) == reference.score(scaled, separable.truths)
    assert 0.6 < accuracy(head, separable) < 1


def test_the_two_classes_mirror_each_other(separable):
    head = fit(separable, regression=LogisticRegression)
    assert np.array_equal(head.weight[0], -head.weight[1])
    assert head.bias[0] == -head.bias[1]
    assert head.weight.dtype == head.bias.dtype == np.float32


def test_a_feature_that_never_varies_says_nothing(separable):
    assert (fit(separable, regression=LogisticRegression).weight[:, 5] == 0).all()


def test_equal_features_give_equal_bytes(separable):
    first, second = (head_bytes(fit(separable, regression=LogisticRegression), "made") for _ in range(2))
    assert first == second


def test_features_come_in_the_order_of_the_samples():
    features = features_of(Means(), Greys(), progress=Silent())
    assert features.values[:, 0] == pytest.approx([10 * i / 255 for i in range(20)])
    assert features.truths.tolist() == [0] * 11 + [1] * 9
    assert len(features_of(Means(), Greys(), progress=Silent(), limit=7).truths) == 7


def train(out, **changes):
    """Run the recipe on greys."""
    arguments = {"train": Greys(20), "validation": Greys(10), "progress": Silent()} | changes
    return train_linear_probe(Model(), out=out, **arguments)


def test_training_writes_the_layer_that_it_reports(tmp_path):
    trained = train(tmp_path / "new" / "head.safetensors")
    head = read_head(trained.path)
    assert head.weight.shape == (2, 3)
    assert trained.sha256 == sha256_of_file(trained.path)
    expected = [accuracy(head, features_of(Means(), Greys(count), progress=Silent())) for count in (20, 10)]
    assert [trained.train_accuracy, trained.validation_accuracy] == expected
    assert [path.name for path in trained.path.parent.iterdir()] == ["head.safetensors"]


def test_training_twice_gives_the_same_file(tmp_path):
    assert train(tmp_path / "a").sha256 == train(tmp_path / "b").sha256


def test_the_validation_split_is_not_learnt_from(tmp_path):
    first, second = (train(tmp_path / name, validation=split) for name, split in (("a", Greys(10)), ("b", Greys(15))))
    assert first.sha256 == second.sha256


def test_the_train_split_is_learnt_from(tmp_path):
    assert train(tmp_path / "a").sha256 != train(tmp_path / "b", train=Greys(25)).sha256


def test_the_file_says_what_it_was_made_from(tmp_path):
    data = train(tmp_path / "head").path.read_bytes().decode("latin-1")
    assert "linear-probe@1" in data
    assert "greys@1" in data


def test_progress_counts_every_sample(tmp_path):
    progress = Counted()
    train(tmp_path / "head", progress=progress)
    assert progress.started == [("means: features of greys", 20), ("means: features of greys", 10)]
    assert progress.units == 30


def test_a_model_without_backbone_is_refused(tmp_path):
    model = registry.load("model", "efficientnet-lite0").plugin
    with pytest.raises(UsageError, match="efficientnet-lite0 has no backbone"):
        train_linear_probe(model, train=Greys(), validation=Greys(), out=tmp_path / "x", progress=Silent())


def test_other_than_two_classes_are_refused(tmp_path):
    class Three(Greys):
        classes = ("a", "b", "c")

    with pytest.raises(UsageError, match="greys has 3"):
        train(tmp_path / "x", train=Three())


def test_missing_scikit_learn_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'compression-suite[train]'")):
        train(tmp_path / "x")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/head cannot be written"):
        train(tmp_path / "file" / "head")


# What is shipped


def shipped_head(model):
    """Return the layer that comes with a solar-cell model."""
    return read_head(model.weights[1].path)


def agreement(one, other, features):
    """Return the fraction of samples to which two heads give one label."""
    labels = [(features.values @ head.weight.T + head.bias).argmax(axis=1) for head in (one, other)]
    return float(np.mean(labels[0] == labels[1]))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name != "pv-efficientnet-lite0" and not EVERY_HEAD,
                reason="takes a minute; set SUITE_TRAIN_ALL_HEADS=1 to run it",
            ),
        )
        for name in SHIPPED
    ],
)
def test_the_recipe_makes_the_shipped_layer(name, tmp_path):
    """Features differ in their last digits between CPUs: the weights agree to 0.1 % of the largest, not to the bit."""
    model = registry.load("model", name).plugin
    splits = {split: registry.load("dataset", "pv-cells", split=split).plugin for split in ("train", "validation")}
    trained = train_linear_probe(model, **splits, out=tmp_path / "head", progress=Silent())
    ours, shipped = read_head(trained.path), shipped_head(model)
    assert np.abs(ours.weight - shipped.weight).max() <= 1e-3 * np.abs(shipped.weight).max()
    assert ours.bias == pytest.approx(shipped.bias, abs=0.01)
    assert (trained.train_accuracy, trained.validation_accuracy) == pytest.approx(SHIPPED[name][:2], abs=0.002)
    test = registry.load("dataset", "pv-cells", split="test").plugin
    limit = None if EVERY_HEAD else 120
    seen = features_of(model.backbone, test, progress=Silent(), limit=limit)
    assert agreement(ours, shipped, seen) == 1
    if EVERY_HEAD:
        assert accuracy(shipped, seen) == pytest.approx(SHIPPED[name][2], abs=0.002)


def test_the_recipe_is_named_as_released():
    assert (linear_probe.RECIPE, linear_probe.INVERSE_REGULARISATION) == ("linear-probe@1", 0.01)
