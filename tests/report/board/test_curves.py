"""Points and intervals of curves, from stored outcomes and without them."""

import dataclasses

import msgspec
import pytest

from suite.db import queries
from suite.errors import DamagedOutcomes
from suite.metrics.comparison import tango
from suite.report.board.curves import (
    DROP,
    METRIC,
    NUMBERED,
    OWN,
    PAIRED,
    RATE,
    SETTING,
    Series,
    codec_labels,
    curve_columns,
    curve_points,
    drop_intervals,
    notes_on,
    rate_table,
)
from tests.db.measured import Laboratory, protocol, track
from tests.report.measured_outcomes import record_outcomes

ORIGINAL = (1, 1, 1, 1, 1, 0, 1, 1)
RIGHT = {None: ORIGINAL, 10: (0, 0, 0, 1, 1, 1, 1, 1), 90: ORIGINAL}


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    yield found
    found.engine.dispose()


def only_row(laboratory, spec):
    (row,) = queries.ranking(laboratory.engine, spec.digest, released=False).unranked
    return row


def test_the_interval_is_that_of_the_difference_on_the_same_samples(laboratory):
    spec = protocol(tracks=(track(),))
    record_outcomes(laboratory, spec, RIGHT)
    row = only_row(laboratory, spec)
    found = drop_intervals(laboratory.engine, row)
    assert [found[drop.result_id] for drop in row.drops] == [tango(3, 1, 8), tango(0, 0, 8)]
    assert [drop.drop for drop in row.drops] == pytest.approx([2 / 8, 0])
    points = curve_points([Series("net", row, found)], what=DROP, axis=SETTING)
    assert [(each["x"], each["y"]) for each in points] == [(10, 25.0), (90, 0.0)]
    assert [each["low"] for each in points] == pytest.approx(
        [100 * tango(3, 1, 8).low, 100 * tango(0, 0, 8).low], abs=1e-4
    )
    assert all(each["low"] <= each["y"] <= each["high"] for each in points)
    assert notes_on([Series("net", row, found)], points, what=DROP, axis=SETTING) == [PAIRED]


def test_of_balanced_accuracy_the_interval_is_a_bootstraps(laboratory):
    spec = protocol(tracks=(track(metric="balanced_accuracy"),))
    record_outcomes(laboratory, spec, RIGHT, metric="balanced_accuracy")
    row = only_row(laboratory, spec)
    lossy, same = (drop_intervals(laboratory.engine, row)[drop.result_id] for drop in row.drops)
    assert tuple(same) == (0, 0)
    # Of the six of one class five are right, then three; of the two of the other class both.
    assert -1 / 2 < lossy.low < (5 / 6 - 3 / 6) / 2 < lossy.high <= 1 / 2


def test_altered_outcomes_are_refused(laboratory):
    spec = protocol()
    record_outcomes(laboratory, spec, RIGHT)
    for path in laboratory.path.parent.rglob("*.parquet"):
        path.write_bytes(b"altered")
    with pytest.raises(DamagedOutcomes):
        drop_intervals(laboratory.engine, only_row(laboratory, spec))


def test_without_outcomes_the_metrics_interval_is_moved(standing, names):
    place = names.entries.index("small")
    series = [Series("small", standing.entries.row(place), {})]
    points = curve_points(series, what=DROP, axis=RATE, codecs=("webp",))
    assert [each["x"] for each in points] == [0.25, 0.5, 1, 2, 4, 8]
    assert [each["y"] for each in points] == pytest.approx([20, 16, 12, 8, 4, 0])
    assert [each["low"] for each in points] == pytest.approx([19, 15, 11, 7, 3, -1])
    assert [each["high"] for each in points] == pytest.approx([21, 17, 13, 9, 5, 1])
    (note,) = notes_on(series, points, what=DROP, axis=RATE)
    assert note.startswith("Bands of small: the metric's own 95 % interval, moved.")


def test_the_metric_has_its_own_interval_and_the_original(standing, names):
    place = names.entries.index("large")
    series = [Series("large", standing.entries.row(place), {})]
    points = curve_points(series, what=METRIC, axis=SETTING, codecs=("jpeg",))
    first = points[0]
    assert (first["y"], first["low"], first["high"], first["original"]) == pytest.approx((80, 79, 81, 90))
    assert notes_on(series, points, what=METRIC, axis=SETTING) == [OWN]
    table = curve_columns(points, what=METRIC, metric="top1")
    assert table["top1, %"][0] == pytest.approx(80)
    assert table["bpp"] == [0.25, 0.5, 1, 2, 4, 8]


def test_settings_that_are_no_numbers_are_numbered(laboratory):
    spec = protocol()
    laboratory.record_entry(spec, {None: 0.9, 10: 0.8})
    row = only_row(laboratory, spec)
    named = msgspec.structs.replace(row, drops=(dataclasses.replace(row.drops[0], value="best"),))
    series = [Series("net", named, {})]
    points = curve_points(series, what=DROP, axis=SETTING)
    assert [each["x"] for each in points] == [1]
    assert notes_on(series, points, what=DROP, axis=SETTING)[0] == NUMBERED
    assert curve_points(series, what=DROP, axis=RATE) == []


def test_the_table_of_rates_is_that_of_the_chosen_entries(standing, names):
    rows = [standing.entries.row(names.entries.index(name)) for name in ("small", "large")]
    assert codec_labels(rows)[0] == "jpeg"
    table = rate_table("toy@1", rows, "webp")
    assert {row[0] for row in table.rows} == {"small", "large"}
    assert len(table.rows) == 16
    assert table.title.endswith("against webp")
    assert codec_labels([]) == []
