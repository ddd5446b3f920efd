"""The papers' tables as text, and which measured entries stand beside them."""

from __future__ import annotations

import msgspec
import pytest

from suite.api import Task
from suite.db import queries
from suite.published import STUDIES, numbers_of
from suite.report.published import measured_beside, of_track, studies_table, tables_of, tracks_of
from tests.db.measured import Laboratory, protocol

EHRLICH, MARIE, JANEIRO = STUDIES
RESNET = "torchvision:resnet50.IMAGENET1K_V1"
TOY = protocol()
ALL_OF_EHRLICH = numbers_of(EHRLICH)


def test_a_track_is_a_table_of_the_papers_percentages():
    numbers = numbers_of(EHRLICH)
    assert len(tracks_of(numbers)) == 6
    table = tables_of(of_track(numbers, "published:ehrlich2020: classification on ImageNet, top1"))[0]
    assert table.title.endswith("top1 in % as the paper prints it, by jpeg quality")
    assert table.columns == ("model", "mitigation", "original", *map(str, range(10, 100, 10)))
    (row,) = [row for row in table.rows if row[:2] == ("ResNet-50", "none")]
    assert row[2:] == ("75.31", "63.43", "71.20", "73.23", "74.10", "74.43", "74.63", "75.01", "75.09", "75.34")
    (short,) = [row for row in table.rows if row[:2] == ("ResNet-50", "ttac-multihead-2")]
    assert short[-4:] == ("-",) * 4


def test_several_codecs_share_a_table_and_what_they_do_to_the_images_has_its_own():
    table, distortion = tables_of(numbers_of(MARIE))
    assert table.columns[3:6] == ("lossless", "jpeg quality 75", "jpeg quality 10")
    assert ("jpeg quality 10", "0.481", "25.27", "0.738") in distortion.rows
    assert len(distortion.rows) == 9


def test_what_is_said_of_single_numbers_stands_below():
    notes = [note for table in tables_of(numbers_of(JANEIRO)) for note in table.notes]
    assert 'Swin-T, supervised-fine-tuning, any bpp 1.0: stated as "around"' in notes


def test_every_study_is_listed_with_how_many_of_its_numbers_are_there():
    rows = studies_table(numbers_of(EHRLICH)).rows
    assert [row[:2] for row in rows] == [
        ("published:ehrlich2020", "841"),
        ("published:marie2022", "0"),
        ("published:janeiro2023", "0"),
    ]


@pytest.fixture
def beside(tmp_path):
    def measure(numbers=ALL_OF_EHRLICH, values=None, **entry):
        laboratory = Laboratory(tmp_path)
        laboratory.record_entry(TOY, values or {None: 0.9, 10: 0.5, 90: 0.8}, **entry)
        found = queries.ranking(laboratory.engine, TOY.digest, released=True)
        return measured_beside("toy@1", found, numbers)

    return measure


def test_a_model_that_a_paper_names_is_shown_beside_it(beside):
    found = beside(model=RESNET)
    assert [(each.model, each.mitigation, each.drop.value) for each in found] == [
        ("ResNet-50", "none", 10),
        ("ResNet-50", "none", 90),
    ]
    assert {each.origin for each in found} == {"measured here, toy@1 (cells, 526 images)"}


def test_of_two_results_the_newer_is_shown(beside):
    assert [round(each.drop.drop, 9) for each in beside(model=RESNET)] == [0.4, 0.1]
    assert [round(each.drop.drop, 9) for each in beside(model=RESNET, values={None: 0.9, 10: 0.6})] == [0.3, 0.1]


def test_other_models_are_not(beside):
    assert beside(model="net") == []


@pytest.mark.parametrize("changes", [{"task": str(Task.CLASSIFICATION) + "x"}, {"metric": "mIoU"}, {"codec": "webp"}])
def test_other_tasks_metrics_and_codecs_are_not(beside, changes):
    numbers = [msgspec.structs.replace(number, **changes) for number in numbers_of(EHRLICH)]
    assert beside(numbers, model=RESNET) == []


def test_a_rate_is_an_axis_of_every_setting(beside):
    (number,) = [each for each in numbers_of(JANEIRO) if (each.codec, each.mitigation) == ("bpg", "none")]
    number = msgspec.structs.replace(number, codec="jpeg")
    assert len(beside([number], model="timm:swin_tiny_patch4_window7_224.ms_in1k")) == 2
