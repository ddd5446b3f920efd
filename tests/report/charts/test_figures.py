"""The figures of a publication, against numbers computed by hand."""

import xml.etree.ElementTree as ET

import msgspec
import pytest

from suite.db import queries
from suite.report.charts import figures
from suite.report.publication.rendering import inline
from tests.db.measured import Laboratory, protocol, ref
from tests.report.measured_curves import codec, record_curves, with_codecs

LOSS = {  # mitigation -> top-1 at (0.25, 0.5) bits per pixel, of 0.9 on the originals
    "none": (0.5, 0.8),
    "deblock": (0.7, 0.82),
    "sharpen": (0.6, 0.86),
}


@pytest.fixture
def rows(tmp_path):
    def measured(models=("a", "b"), losses=LOSS, codecs=("jpeg",)):
        spec = with_codecs(protocol(), *(msgspec.structs.replace(codec(name), values=(10, 90)) for name in codecs))
        laboratory = Laboratory(tmp_path)
        for model in models:
            for mitigation, top1 in losses.items():
                curves = {place: list(zip((0.25, 0.5), top1, strict=True)) for place, _ in enumerate(codecs)}
                entry = {"model": model, "mitigation": ref("mitigation", mitigation)}
                record_curves(laboratory, spec, curves, original=mitigation == "none", **entry)
        return queries.ranking(laboratory.engine, spec.digest, released=True).ranked

    return measured


def values_of(chart):
    return chart.to_dict()["data"]["values"]


def test_at_a_glance_has_mean_and_range_in_the_order_of_the_ranking(rows):
    values = values_of(figures.at_a_glance(rows(models=["a"])))
    assert [each["entry"] for each in values] == ["a + deblock", "a + sharpen", "a"]
    assert [each["mean"] for each in values] == pytest.approx([14, 17, 25])
    assert [each["least"] for each in values] == pytest.approx([8, 4, 10])
    assert [each["most"] for each in values] == pytest.approx([20, 30, 40])


def test_loss_by_task_is_of_models_without_mitigation(rows):
    found = rows(codecs=["jpeg", "webp"])
    values = values_of(figures.loss_by_task({"one": found, "two": found[:0]}))
    assert [(each["task"], each["codec"]) for each in values] == [("one", "jpeg"), ("one", "webp")]
    assert [each["mean"] for each in values] == pytest.approx([25, 25])


def test_mitigations_have_the_unmitigated_model_first(rows):
    values = values_of(figures.mitigations(rows(models=["a"])))
    assert [each["mitigation"] for each in values] == ["none", "deblock", "sharpen"]
    assert [each["mean"] for each in values] == pytest.approx([25, 14, 17])


def test_transfer_is_what_is_bought_back(rows):
    values = values_of(figures.transfer(rows()))
    assert {(each["model"], each["mitigation"], each["text"]) for each in values} == {
        *(("a", "deblock", "+11.00"), ("a", "sharpen", "+8.00")),
        *(("b", "deblock", "+11.00"), ("b", "sharpen", "+8.00")),
    }


def test_the_best_choice_takes_each_settings_best_mitigation(rows):
    values = values_of(figures.multihead(rows(models=["a"])))
    by = {(each["choice"], each["place"]): each["drop"] for each in values}
    assert by["best for each setting", "10"] == pytest.approx(20)  # deblock
    assert by["best for each setting", "90"] == pytest.approx(4)  # sharpen
    assert by["none", "10"] == pytest.approx(40)
    assert len(values) == 8


def test_of_several_codecs_the_best_choice_is_still_made_setting_by_setting(rows):
    values = values_of(figures.multihead(rows(models=["a"], codecs=["jpeg", "webp"])))
    by = {(each["choice"], each["place"]): each["drop"] for each in values}
    assert by["best for each setting", "webp"] == pytest.approx(12)
    assert by["deblock", "webp"] == pytest.approx(14)


def test_rate_and_accuracy_has_points_intervals_and_the_original(rows):
    found = rows(models=["a"], losses={"none": LOSS["none"]})
    values = values_of(figures.rate_accuracy(found))
    assert [(each["rate"], each["value"]) for each in values] == [(0.25, pytest.approx(50)), (0.5, pytest.approx(80))]
    assert [(each["low"], each["high"]) for each in values] == [
        (pytest.approx(49), pytest.approx(51)),
        (pytest.approx(79), pytest.approx(81)),
    ]
    assert {each["original"] for each in values} == {90}
    assert {each["entry"] for each in values} == {"a"}


def test_an_interval_is_an_area_without_marks(rows):
    svg = ET.fromstring(inline("f", figures.rate_accuracy(rows(models=["a"], losses={"none": LOSS["none"]}))))  # noqa: S314
    marks = [group.get("class") for group in svg.iter("{http://www.w3.org/2000/svg}g")]
    symbols = [name for name in marks if name and name.startswith("mark-symbol") and "legend" not in name]
    assert len(symbols) == 1


def test_what_has_no_data_has_no_figure(rows):
    alone = rows(models=["a"], losses={"none": LOSS["none"]})
    assert [draw(alone) for draw in (figures.mitigations, figures.transfer, figures.multihead)] == [None] * 3
    nothing = [draw([]) for draw in (figures.at_a_glance, figures.rate_accuracy, figures.multihead)]
    assert nothing == [None] * 3
    assert figures.loss_by_task({}) is None
    assert figures.throughput([]) is None


def test_one_mitigation_with_one_model_transfers_nothing_and_leaves_no_choice(rows):
    found = rows(models=["a"], losses={name: LOSS[name] for name in ("none", "deblock")})
    assert figures.mitigations(found) is not None
    assert (figures.transfer(found), figures.multihead(found)) == (None, None)


def test_versions_tell_apart_what_shares_a_name():
    first, second, other = ref("model", "net"), ref("model", "net", "2"), ref("model", "other")
    labels = figures.labels([first, second, first, other])
    assert labels[first] == f"net@1 {first.digest[7:13]}"
    assert labels[second] == f"net@2 {second.digest[7:13]}"
    assert labels[other] == "other"
