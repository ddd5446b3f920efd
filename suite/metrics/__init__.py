"""Metrics of each task, imported on demand: `metrics_of` finds them. Pure functions first, a thin task layer on top.

Metrics of frames, whatever the task, are in `suite.metrics.image`; intervals in `suite.metrics.stats`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from suite.api import Prediction, Task, Truth
from suite.spec import Measure

if TYPE_CHECKING:
    import pyarrow as pa

MODULES: dict[Task, str] = {
    Task.CLASSIFICATION: "suite.metrics.classification",
}


class TaskMetrics(Protocol):
    """What the module of a task offers: predictions -> per-sample outcomes -> measures over the whole dataset.

    Outcomes of blocks of samples concatenate; predictions of variable size go into list columns.
    """

    METRICS: Mapping[str, Callable[..., Measure]]
    """Every metric that a protocol can name for the task."""

    def check(self, predictions: Sequence[Prediction], *, expected: int, classes: int) -> None:
        """Raise PredictionError unless there are ``expected`` usable predictions over ``classes`` classes."""

    def outcomes(self, predictions: Sequence[Prediction], truths: Sequence[Truth]) -> pa.Table:
        """Return one row a sample, in the order given, with the truth and all that the metrics need."""

    def measures(self, table: pa.Table, names: Sequence[str]) -> tuple[Measure, ...]:
        """Return the named metrics over the outcomes of a whole dataset. Raises InvalidProtocol on unknown names."""


def metrics_of(task: Task) -> TaskMetrics:
    """Return the metrics of ``task``."""
    return cast("TaskMetrics", import_module(MODULES[task]))
