"""A standing filtered, ordered and laid out: against the rows that the ranking itself gives."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from suite.db import queries
from suite.db.engine import open_for_reading
from suite.errors import UsageError
from suite.metrics.rate import Point, Range, area
from suite.report.board.columns import ranking_columns
from suite.report.board.selection import ORDERS, UNREPRODUCED, UNVERIFIED, Wanted, mean_rates, select
from suite.report.board.standing import standing_of
from suite.report.downloads import FORMATS, rows_of
from suite.report.tables import entry_of
from tests.db.measured import ELSEWHERE, HERE, Laboratory, protocol
from tests.leaderboard.recorded import drop, record

TRACK = "classification on pv-cells, test (top1)"


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    engine = open_for_reading(record(tmp_path_factory.mktemp("board")))
    (stored,) = (each for each in queries.protocols(engine) if each.label == "pv-codecs@1")
    return standing_of(engine, stored)


def names(standing, **wanted):
    return [entry_of(standing.entries.rows[place]) for place in select(standing, Wanted(**wanted)).places]


def test_everything_is_there_in_the_rankings_order(standing):
    assert standing.tracks == (TRACK,)
    assert names(standing) == ["large + deblock", "large", "small + deblock", "small"]


@pytest.mark.parametrize(
    ("wanted", "kept", "reason"),
    [
        ({"licences": ("MIT",)}, ["small + deblock", "small"], "another licence"),
        ({"training": ("LAION-2B",)}, ["large + deblock", "large"], "other training data"),
        ({"mitigations": ("none",)}, ["large", "small"], "another mitigation"),
        ({"name": "DEBLOCK"}, ["large + deblock", "small + deblock"], "its name is without 'DEBLOCK'"),
        ({"most_parameters": 10.0}, ["small + deblock", "small"], "more parameters, or nobody says how many"),
        ({"verified": True}, ["small + deblock"], UNVERIFIED),
        ({"reproduced": True}, [], UNREPRODUCED),
    ],
)
def test_what_a_filter_hides_is_named_with_the_reason(standing, wanted, kept, reason):
    assert names(standing, **wanted) == kept
    hidden = select(standing, Wanted(**wanted)).hidden
    assert {key: len(places) for key, places in hidden.items()} == {reason: 4 - len(kept)}


def test_filters_add_up_and_each_entry_is_hidden_once(standing):
    found = select(standing, Wanted(licences=("MIT",), mitigations=("none",)))
    assert [entry_of(standing.entries.rows[place]) for place in found.places] == ["small"]
    assert {key: len(places) for key, places in found.hidden.items()} == {"another mitigation": 2, "another licence": 1}


@pytest.mark.parametrize(
    ("order", "first"),
    [
        ("rank", "large + deblock"),
        ("mean drop", "large + deblock"),
        ("recovered", "+ deblock"),
        ("original", "large + deblock"),
        ("images/s", "small"),
        ("parameters", "small + deblock"),
        ("name", "large"),
        ("newest", "large + deblock"),
    ],
)
def test_every_order(standing, order, first):
    assert names(standing, order=order)[0].endswith(first)
    assert sorted(names(standing, order=order)) == sorted(names(standing))


def test_there_is_a_test_of_every_order():
    assert len(ORDERS) == 8


def test_other_orders_and_tracks_are_refused(standing):
    with pytest.raises(UsageError, match="Expected the order to be one of rank"):
        select(standing, Wanted(order="luck"))
    with pytest.raises(UsageError, match="No results are on the track 'x'"):
        select(standing, Wanted(track="x"))


def test_conditions_are_chosen_by_codec_setting_and_rate(standing):
    conditions = standing.entries.conditions

    def chosen(**wanted):
        return [str(conditions[column]) for column in np.flatnonzero(select(standing, Wanted(**wanted)).columns)]

    webp = [str(on) for on in conditions if on.codec == "webp"]
    assert chosen(codecs=("webp",)) == webp
    assert chosen(codecs=("webp",), settings=tuple(webp[1:3])) == webp[1:3]
    assert chosen(codecs=("webp",), rates=(0.4, 1.1)) == webp[1:3]
    assert mean_rates(standing)[:3] == pytest.approx([0.25, 0.5, 1.0])


def test_the_columns_say_what_the_results_are(standing):
    selection = select(standing, Wanted(codecs=("jpeg", "webp")))
    columns = ranking_columns(standing, selection, selection.places, {}, by_setting=True)
    (row,) = (row for row in rows_of(columns) if row["entry"] == "small + deblock")
    jpeg = [value for title, value in row.items() if title.startswith("jpeg ") and title.endswith(", points")]
    assert jpeg == pytest.approx([100 * drop("small", "deblock", place) for place in range(6)])
    values = [100 * (0.8 - drop("small", "deblock", place)) for place in range(6)]
    of_jpeg = {title: value for title, value in row.items() if title.startswith("jpeg quality")}
    assert [value for title, value in of_jpeg.items() if title.endswith(", %")] == pytest.approx(values)
    assert [value for title, value in of_jpeg.items() if title.endswith(" low")] == pytest.approx(
        [v - 1 for v in values]
    )
    assert [value for title, value in of_jpeg.items() if title.endswith(" high")] == pytest.approx(
        [v + 1 for v in values]
    )
    assert row["mean drop, points"] == pytest.approx(5.0)
    assert row["recovered, %"] == pytest.approx(50.0)
    assert row["original, %"] == pytest.approx(80.0)
    assert (row["parameters, M"], row["licence"], row["rank"]) == (4.0, "MIT", 2)
    assert row["verification"] == "verified: 26 predictions made again, 2026-11-21, by Ada"
    assert row["reproduced"] is False
    curve = [Point(0.25 * 2**place, 0.8 - drop("small", "deblock", place)) for place in range(6)]
    assert row["jpeg, area 0.25 to 8.00 bpp, %"] == pytest.approx(100 * area(curve, Range(0.25, 8.0)).value)


def test_the_badges_that_failed_say_so_and_are_not_verified(standing):
    columns = ranking_columns(standing, select(standing, Wanted()), np.arange(4), {}, by_setting=False)
    said = dict(zip(columns["entry"], columns["verification"], strict=True))
    assert said["large"] == "verification failed: 2 of 26 predictions made again differ, 2026-11-21, by Bob"
    assert said["large + deblock"] == said["large"]
    assert said["small"] == ""
    assert columns["badge"] == ["verification failed", "verification failed", "verified", ""]
    unverified = ranking_columns(standing, select(standing, Wanted()), np.array([3]), {}, by_setting=False)
    assert "badge" not in unverified
    assert unverified["verification"] == [""]


def test_nothing_is_recovered_where_nothing_was_lost(tmp_path):
    laboratory, spec = Laboratory(tmp_path), protocol()
    laboratory.record_entry(spec, {None: 0.9, 10: 0.9, 90: 0.9})
    laboratory.record_entry(spec, {10: 0.95, 90: 0.9}, mitigation="deblock")
    (stored,) = queries.protocols(laboratory.engine)
    standing = standing_of(laboratory.engine, stored)
    assert np.isnan(standing.recovered(np.ones(2, bool))).all()


def test_an_entry_is_reproduced_by_another_machine_alone(tmp_path):
    laboratory, spec = Laboratory(tmp_path), protocol()
    values = {None: 0.9, 10: 0.5, 90: 0.8}
    for model, theirs in (("same", values), ("other", values | {10: 0.52}), ("partial", {None: 0.9, 10: 0.5})):
        laboratory.record_entry(spec, values, model=model, where=HERE)
        laboratory.record_entry(spec, theirs, model=model, where=ELSEWHERE)
    laboratory.record_entry(spec, values, model="twice", where=HERE)
    laboratory.record_entry(spec, values, model="twice", where=HERE)
    (stored,) = queries.protocols(laboratory.engine)
    standing = standing_of(laboratory.engine, stored)
    found = {row.model.name for row, each in zip(standing.entries.rows, standing.reproduced, strict=True) if each}
    assert found == {"same"}
    assert not standing.verified.any()


def test_every_format_has_every_row(standing):
    selection = select(standing, Wanted())
    columns = ranking_columns(standing, selection, selection.places, {}, by_setting=False)
    written = {title: form.write(columns) for title, form in FORMATS.items()}
    expected = columns["entry"]
    assert [row["entry"] for row in csv.DictReader(io.StringIO(written["CSV"].decode()))] == expected
    assert [row["entry"] for row in json.loads(written["JSON"])] == expected
    table = pq.read_table(io.BytesIO(written["Parquet"]))
    assert table["entry"].to_pylist() == expected
    assert table["mean drop, points"].to_pylist() == columns["mean drop, points"]
    lines = written["LaTeX"].decode().splitlines()
    assert [line for line in lines if line.startswith(r"\begin")] == [rf"\begin{{tabular}}{{{alignment(columns)}}}"]
    assert sum(line.endswith(r"\\") for line in lines) == 5


def alignment(columns):
    return "".join(
        "r" if all(isinstance(v, int | float | None) for v in values) else "l" for values in columns.values()
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\uff1d"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(start):
    text = FORMATS["CSV"].write({f"{start}title": [f"{start}SUM(A1)", "plain", -1.5, None]}).decode()
    cells = [row[0] if row else "" for row in csv.reader(io.StringIO(text, newline=""))]
    assert cells == [f"'{start}title", f"'{start}SUM(A1)", "plain", "-1.5", ""]


def test_latex_prints_what_was_there():
    body = FORMATS["LaTeX"].write({"a_b": ["50 % & more", r"\input{x}", None, 1.234]}).decode()
    assert r"a\_b \\" in body
    assert r"50 \% \& more \\" in body
    assert r"\textbackslash{}input\{x\} \\" in body
    assert "-- \\\\" in body
    assert "1.23 \\\\" in body
