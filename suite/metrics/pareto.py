"""The Pareto front: what nothing else beats in every respect."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def nondominated(costs: ArrayLike) -> NDArray[np.bool_]:
    """Return which points no other dominates, shape (points,), given their costs, shape (points, respects).

    One dominates another if it costs no more in any respect and less in one; of equal points all stay. Raises
    ValueError on other shapes and on NaN.
    """
    table = np.asarray(costs, float)
    if table.ndim != 2 or np.isnan(table).any():
        raise ValueError(f"Expected known costs of shape (points, respects), but got {table.shape} with NaN or not.")
    front = np.ones(len(table), bool)
    for place, point in enumerate(table):
        front[place] = not ((table <= point).all(axis=1) & (table < point).any(axis=1)).any()
    return front
