"""Entries, mitigations, models, codecs and settings against each other: numbers for heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from suite.report.board.columns import Columns, codecs_in, of_codec, percents
from suite.report.board.mitigations import Places
from suite.report.board.names import Names
from suite.report.board.selection import Mask
from suite.report.board.standing import Standing
from suite.report.tables import in_order
from suite.spec import ORIGINAL

DROP, RECOVERED = "drop, percentage points", "recovered, %"


class Matrix(NamedTuple):
    """Numbers by row and column, fractions, NaN for what is unknown; ``unit`` is `DROP` or `RECOVERED`."""

    row_title: str
    column_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    unit: str


def entries_by_codec(standing: Standing, names: Names, places: Sequence[int]) -> Matrix:
    """Return each entry's mean drop over each codec's settings."""
    codecs = codecs_of(standing)
    means = [standing.mean_drops(mask)[list(places)] for mask in codecs.values()]
    rows = tuple(names.entries[place] for place in places)
    return Matrix("entry", "codec", rows, tuple(codecs), stacked(means, len(places)), DROP)


def entries_by_setting(standing: Standing, names: Names, places: Sequence[int], codec: str) -> Matrix:
    """Return each entry's drop at each setting of a codec."""
    mask, conditions = codecs_of(standing)[codec], standing.entries.conditions
    chosen = [conditions[column].setting for column in np.flatnonzero(mask)]
    rows = tuple(names.entries[place] for place in places)
    values = standing.entries.drops[list(places)][:, mask]
    parameters = " or ".join(dict.fromkeys(setting.parameter for setting in chosen))
    return Matrix("entry", f"{codec}, {parameters}", rows, tuple(str(each.value) for each in chosen), values, DROP)


def mitigations_by_codec(standing: Standing, places: Places) -> Matrix:
    """Return the part of one model's mean drop over each codec's settings that each mitigation buys back."""
    codecs = codecs_of(standing)
    rows = [name for name in places if name != ORIGINAL]
    parts = [standing.recovered(mask)[[places[name] for name in rows]] for mask in codecs.values()]
    return Matrix("mitigation", "codec", tuple(rows), tuple(codecs), stacked(parts, len(rows)), RECOVERED)


def transfer(standing: Standing, models: Mapping[str, Places], columns: Mask) -> Matrix:
    """Return the part of each model's mean drop over some conditions that each mitigation buys back."""
    mitigations = [name for name in in_order(name for each in models.values() for name in each) if name != ORIGINAL]
    part = standing.recovered(columns)
    values = [[part[places[name]] if name in places else np.nan for places in models.values()] for name in mitigations]
    table = np.array(values, float).reshape(len(mitigations), len(models))
    return Matrix("mitigation", "model", tuple(mitigations), tuple(models), table, RECOVERED)


def codecs_of(standing: Standing) -> dict[str, Mask]:
    """Return which conditions are each codec's."""
    conditions = standing.entries.conditions
    return {codec: of_codec(conditions, codec) for codec in codecs_in(conditions, np.ones(len(conditions), bool))}


def stacked(columns: Sequence[NDArray[np.float64]], rows: int) -> NDArray[np.float64]:
    """Return columns as a table."""
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0))


def with_mitigations(models: Mapping[str, Places]) -> dict[str, Places]:
    """Return the models that were measured without a mitigation and with one."""
    return {name: places for name, places in models.items() if ORIGINAL in places and len(places) > 1}


def matrix_columns(matrix: Matrix) -> Columns:
    """Return a matrix as a table, in percentage points or percent."""
    unit = "points" if matrix.unit == DROP else "%"
    numbers = {f"{name}, {unit}": percents(matrix.values[:, number]) for number, name in enumerate(matrix.columns)}
    return {matrix.row_title: list(matrix.rows), **numbers}
