"""The cells of matrices, against the numbers that were recorded."""

import numpy as np
import pytest

from suite.report.board.conditions import averages
from suite.report.board.matrices import (
    entries_by_codec,
    entries_by_setting,
    matrix_columns,
    mitigations_by_codec,
    transfer,
    with_mitigations,
)
from suite.report.board.names import by_model


@pytest.fixture
def models(standing, names):
    return by_model(standing, names, standing.tracks[0])


def test_entries_by_codec_have_mean_drops(standing, names):
    places = [names.entries.index(name) for name in ("alone", "small")]
    found = entries_by_codec(standing, names, places)
    assert found.rows == ("alone", "small")
    assert found.columns[:2] == ("jpeg", "jpeg2000")
    assert found.values == pytest.approx(np.array([[0.15] * 8, [0.10] * 8]))
    assert matrix_columns(found)["webp, points"] == pytest.approx([15, 10])
    assert entries_by_codec(standing, names, []).values.shape == (0, 8)


def test_entries_by_setting_have_drops(standing, names):
    found = entries_by_setting(standing, names, [names.entries.index("small")], "jpeg")
    assert found.column_title == "jpeg, quality"
    assert found.columns == ("5", "10", "20", "40", "60", "80")
    assert found.values == pytest.approx(np.array([[0.20, 0.16, 0.12, 0.08, 0.04, 0]]))


def test_mitigations_by_codec_have_recovered_parts(standing, models):
    found = mitigations_by_codec(standing, models["small"])
    assert dict(zip(found.rows, found.values[:, 0], strict=True)) == pytest.approx({"tuned": 0.75, "deblock": 0.5})
    assert matrix_columns(found)["jpeg, %"] == pytest.approx([75, 50])


def test_transfer_says_what_helps_which_model_and_what_is_unknown(standing, models):
    tried = with_mitigations(models)
    assert set(tried) == {"small", "large"}
    found = transfer(standing, tried, averages(standing)["mean over jpeg"])
    cells = {
        (row, column): found.values[i, j] for i, row in enumerate(found.rows) for j, column in enumerate(found.columns)
    }
    assert cells == pytest.approx(
        {
            ("tuned", "small"): 0.75,
            ("deblock", "small"): 0.5,
            ("deblock", "large"): -0.5,
            ("tuned", "large"): float("nan"),
        },
        nan_ok=True,
    )
    assert transfer(standing, {}, averages(standing)["mean over jpeg"]).values.shape == (0, 0)
