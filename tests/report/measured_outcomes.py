"""Entries with per-sample outcomes in a real database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from suite.metrics.classification import SCHEMA
from suite.spec import ProtocolSpec
from tests.db.measured import HERE, Laboratory, condition, result

TRUTH = (0, 0, 0, 0, 0, 0, 1, 1)


def outcome_table(right: Sequence[bool | int], truth: Sequence[int] = TRUTH) -> pa.Table:
    """Return outcomes over two classes."""
    correct, classes = np.array(right, bool), np.array(truth, np.int32)
    predicted = np.where(correct, classes, 1 - classes).astype(np.int32)
    return pa.table([classes, predicted, np.ones(len(classes), np.float32), correct], schema=SCHEMA)


def record_outcomes(
    laboratory: Laboratory,
    spec: ProtocolSpec,
    right: Mapping[int | None, Sequence[bool | int]],
    *,
    where: Any = HERE,
    on: Mapping[str, Any] | None = None,
    truth: Sequence[int] = TRUTH,
    **entry: Any,
) -> None:
    """Record one entry: quality (None for the original) to whether it is right on each sample of ``truth``."""
    laboratory.store.record_protocol(spec)
    for quality, hits in right.items():
        found = result(
            condition(spec, quality, **({"samples": len(truth)} | dict(on or {}))), float(np.mean(hits)), **entry
        )
        laboratory.record(found, where, outcomes=outcome_table(hits, truth))
