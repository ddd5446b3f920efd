"""The rate-accuracy summaries of a real database: which results make a curve, and what is compared with what."""

from __future__ import annotations

import json

import pytest

from suite.errors import UsageError
from suite.report.rates import RateTable, rate_tables, tables_of
from suite.spec import to_json
from tests.db.measured import ELSEWHERE, Laboratory, protocol, ref, track
from tests.report.measured_curves import QUALITIES, codec, points, record_curves, with_codecs

JPEG, WEBP = codec("jpeg", subsampling="4:2:0"), codec("webp", method=4)
BOTH = with_codecs(protocol(), JPEG, WEBP)


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    yield found
    found.engine.dispose()


def tables(laboratory, spec=BOTH, *, released=True, **options) -> tuple[RateTable, ...]:
    return rate_tables(laboratory.engine, spec.digest, released=released, **options)


def only_table(laboratory, spec=BOTH, **options) -> RateTable:
    (table,) = tables(laboratory, spec, **options)
    return table


def test_a_codec_of_twice_the_rate_is_compared_with_jpeg(laboratory):
    record_curves(laboratory, BOTH, {0: points(), 1: points(factor=2)})
    table = only_table(laboratory)
    jpeg, webp = table.curves
    assert (table.reference, table.metric, table.area_over) == ("jpeg", "top1", (0.5, 4.0))
    assert (jpeg.entry, jpeg.label, webp.entry, webp.label) == ("net", "jpeg", "net", "webp")
    assert jpeg.points == tuple(points())
    assert webp.bd_rate_percent.value == pytest.approx(100)
    assert webp.bd_rate_percent.over == (0.5, 0.85)
    assert webp.bd_accuracy.over == (0.5, 4.0)
    assert webp.bd_accuracy.value == pytest.approx(webp.area.value - jpeg.area.value)
    assert (jpeg.bd_rate_percent.value, jpeg.bd_rate_percent.reason) == (None, "it is the reference")
    assert jpeg.area.over == webp.area.over == (0.5, 4.0)


def test_the_table_says_what_its_numbers_are(laboratory):
    falling = points(factor=2)
    falling[1], falling[2] = (1.0, 0.7), (2.0, 0.6)
    record_curves(laboratory, BOTH, {0: points(), 1: falling})
    (table,) = tables_of("toy@1", tables(laboratory))
    assert table.title == "toy@1: top1 by rate on cells, against jpeg"
    assert table.columns == (
        *("entry", "codec", "points", "rates, bpp", "area, top1 %"),
        *("BD-rate %", "over top1 %", "BD-top1, points", "over bpp"),
    )
    jpeg, webp = table.rows
    assert jpeg[:4] == ("net", "jpeg", "5", "0.250 to 4.000")
    assert jpeg[5:] == ("-", "-", "-", "-")
    assert webp[:4] == ("net", "webp", "5 (2 pooled)", "0.500 to 8.000")
    assert (webp[6], webp[8]) == ("50.0 to 85.0", "0.500 to 4.000")
    assert float(webp[5]) > 50
    assert float(webp[7]) < -3
    assert table.notes[0] == "area: the mean top1 over log bpp, from 0.500 to 4.000 bpp for all rows"
    assert table.notes[1].startswith("BD-rate, BD-top1: mean differences from jpeg over what both reach; ")
    assert "(bjontegaard 1." in table.notes[1]
    assert table.notes[2] == "pooled: points that fall as the rate rises, set to their mean"
    assert len(table.notes) == 3


def test_a_mitigated_entry_is_compared_with_its_own_reference(laboratory):
    record_curves(laboratory, BOTH, {0: points(), 1: points(gain=0.02)})
    record_curves(laboratory, BOTH, {0: points(gain=0.1), 1: points(gain=0.05)}, mitigation="deblock")
    found = {(curve.entry, curve.label): curve.bd_accuracy.value for curve in only_table(laboratory).curves}
    assert found["net", "webp"] == pytest.approx(0.02)
    assert found["net + deblock", "webp"] == pytest.approx(-0.05)


def test_the_reference_can_be_chosen(laboratory):
    record_curves(laboratory, BOTH, {0: points(), 1: points(factor=2)})
    jpeg, webp = only_table(laboratory, reference="webp").curves
    assert jpeg.bd_rate_percent.value == pytest.approx(-50)
    assert webp.bd_rate_percent.reason == "it is the reference"
    with pytest.raises(UsageError, match=r"named 'wepb'. There are: jpeg, webp. Did you mean 'webp'\?"):
        tables(laboratory, reference="wepb")


def test_without_jpeg_the_first_codec_is_the_reference(laboratory):
    spec = with_codecs(protocol(), WEBP, codec("avif"))
    record_curves(laboratory, spec, {0: points(), 1: points(factor=2)})
    assert only_table(laboratory, spec).reference == "webp"


def test_one_codec_with_other_parameters_is_another_codec(laboratory):
    spec = with_codecs(protocol(), JPEG, codec("jpeg", subsampling="4:4:4"), WEBP)
    record_curves(laboratory, spec, {0: points(), 1: points(factor=1.25), 2: points()})
    table = only_table(laboratory, spec)
    assert [curve.label for curve in table.curves] == ["jpeg subsampling=4:2:0", "jpeg subsampling=4:4:4", "webp"]
    assert [curve.codec for curve in table.curves] == ["jpeg", "jpeg", "webp"]
    assert table.reference == "jpeg subsampling=4:2:0"
    assert table.curves[1].bd_rate_percent.value == pytest.approx(25)
    assert table.curves[1].parameters == {"subsampling": "4:4:4"}
    other = only_table(laboratory, spec, reference="jpeg subsampling=4:4:4")
    assert other.curves[0].bd_rate_percent.value == pytest.approx(-20)
    with pytest.raises(UsageError, match=r"one of 'jpeg subsampling=4:2:0', 'jpeg subsampling=4:4:4'\."):
        tables(laboratory, spec, reference="jpeg")


def test_trials_and_what_does_not_conform_make_no_curve(laboratory):
    record_curves(laboratory, BOTH, {0: points(), 1: points()}, on={"limit": 20})
    record_curves(laboratory, BOTH, {0: points(), 1: points()}, model="other", conformant=False)
    assert tables(laboratory) == ()


def test_a_draft_is_summed_up_and_said_to_be_one(laboratory):
    record_curves(laboratory, BOTH, {0: points(), 1: points(factor=2)})
    (table,) = tables_of("toy@1", tables(laboratory, released=False))
    assert table.rows[1][5] == "+100.0"
    assert table.notes[-1] == "net: protocol is a draft"


def test_an_entry_without_every_condition_is_left_out_where_others_have_them(laboratory):
    record_curves(laboratory, BOTH, {0: points()}, model="part")
    alone = only_table(laboratory)
    assert [(curve.entry, curve.label) for curve in alone.curves] == [("part", "jpeg")]
    assert alone.curves[0].why_unranked == "incomplete: 6 of 11 conditions"
    record_curves(laboratory, BOTH, {0: points(), 1: points()})
    assert {curve.entry for curve in only_table(laboratory).curves} == {"net"}


def test_a_curve_is_of_one_machine_the_one_that_is_ranked(laboratory):
    record_curves(laboratory, BOTH, {0: points(), 1: points(gain=0.01)})
    record_curves(laboratory, BOTH, {0: points(), 1: points(gain=0.03)}, where=ELSEWHERE)
    for released in (True, False):
        jpeg, webp = only_table(laboratory, released=released).curves
        assert jpeg.environment == webp.environment == ELSEWHERE.digest
        assert webp.bd_accuracy.value == pytest.approx(0.03)


def test_what_cannot_be_had_is_said_with_the_reason(laboratory):
    record_curves(laboratory, BOTH, {1: points()}, model="a")
    record_curves(laboratory, BOTH, {0: points()[:3], 1: points(factor=64)}, model="b")
    (table,) = tables_of("toy@1", tables(laboratory))
    assert {row[4:] for row in table.rows} == {("-",) * 5}
    assert table.notes[1:-2] == (
        "all: no area: the codecs have no range of rates in common",
        "a, webp: no BD-rate: this entry has no curve of jpeg",
        "b, webp: no BD-rate: the reference has 3 different accuracies; at least 4 are needed",
        "a, webp: no BD-top1: this entry has no curve of jpeg",
        "b, webp: no BD-top1: the reference has 3 different rates; at least 4 are needed",
    )


def test_results_without_a_rate_make_no_curve_and_say_so(laboratory):
    record_curves(laboratory, BOTH, {0: points(), 1: [(None, 0.5)] * len(QUALITIES)})
    _, webp = only_table(laboratory).curves
    assert webp.points == ()
    reason = "bits_per_pixel was not measured; a protocol names it among its frame_metrics"
    assert webp.area.reason == webp.bd_rate_percent.reason == webp.bd_accuracy.reason == reason
    (table,) = tables_of("toy@1", tables(laboratory))
    assert table.rows[1][2:5] == ("0", "-", "-")


def test_each_track_has_its_own_table(laboratory):
    birds = track("birds", manifest="sha256:birds", metric="auc")
    spec = with_codecs(protocol(tracks=(track(), birds)), JPEG)
    record_curves(laboratory, spec, {0: points()})
    on_birds = {"dataset": ref("dataset", "birds"), "manifest": "sha256:birds"}
    record_curves(laboratory, spec, {0: points(factor=3)}, on=on_birds, metric="auc")
    found = tables(laboratory, spec)
    assert [(table.dataset.name, table.metric, table.area_over) for table in found] == [
        ("cells", "top1", (0.25, 4.0)),
        ("birds", "auc", (0.75, 12.0)),
    ]
    assert tables(laboratory, spec, task="detection") == ()


def test_scripts_get_json(laboratory):
    record_curves(laboratory, BOTH, {0: points(), 1: points(factor=2)})
    (table,) = json.loads(to_json(tables(laboratory)))
    assert table["area_over"] == [0.5, 4.0]
    assert table["curves"][1]["bd_rate_percent"]["value"] == pytest.approx(100)
    assert table["curves"][0]["bd_rate_percent"] == {"value": None, "over": None, "reason": "it is the reference"}
    assert table["curves"][0]["points"][0] == [0.25, 0.5]
