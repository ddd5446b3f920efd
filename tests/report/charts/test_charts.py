"""What the charts draw, read from the specification that the browser gets."""

import dataclasses

import msgspec
import pytest

from suite.db import queries
from suite.published import STUDIES, numbers_of
from suite.report.board.curves import DROP, SETTING, Series, curve_points
from suite.report.charts.curves import Axes, curve_panels
from suite.report.charts.published import mitigations_in, published_panels
from suite.report.charts.style import OKABE_ITO, SHAPES
from suite.report.published import measured_beside
from tests.db.measured import Laboratory, condition, protocol, ref, result

EHRLICH, MARIE, JANEIRO = STUDIES


def rows(tmp_path, models, codecs):
    """Measure every model under every codec at quality 10 and 90."""
    laboratory, spec = Laboratory(tmp_path), protocol()
    spec = msgspec.structs.replace(
        spec, codecs=tuple(msgspec.structs.replace(spec.codecs[0], name=name) for name in codecs)
    )
    laboratory.store.record_protocol(spec)
    for model in models:
        laboratory.record(result(condition(spec, None), 0.9, model=model))
        for codec in codecs:
            for quality in (10, 90):
                on = condition(spec, quality, codec=ref("codec", codec))
                laboratory.record(result(on, 0.5 + quality / 1000, model=model))
    return queries.ranking(laboratory.engine, spec.digest, released=True).ranked


@pytest.mark.parametrize(
    ("models", "codecs", "line", "panels"),
    [
        (["a"], ["jpeg"], "codec", 1),
        (["a", "b"], ["jpeg"], "entry", 1),
        (["a"], ["jpeg", "webp"], "codec", 1),
        (["a", "b"], ["jpeg", "webp"], "entry", 2),
    ],
)
def test_no_line_joins_two_codecs(tmp_path, models, codecs, line, panels):
    series = [Series(row.model.name, row, {}) for row in rows(tmp_path, models, codecs)]
    points = curve_points(series, what=DROP, axis=SETTING)
    charts = [chart.to_dict() for chart in curve_panels(points, Axes("setting", "drop")).values()]
    assert len(charts) == panels
    drawn = [(number, each) for number, chart in enumerate(charts) for each in chart["data"]["values"]]
    assert {each["y"] for _, each in drawn} == {39.0, 31.0}
    assert len({(number, each["series"]) for number, each in drawn}) == len(models) * len(codecs)
    assert {each["series"] for _, each in drawn} == set(models if line == "entry" else codecs)
    for chart in charts:
        domain = chart["layer"][0]["encoding"]["color"]["scale"]["domain"]
        assert sorted(domain) == sorted(models if line == "entry" else codecs)


def test_colours_are_distinct():
    assert len(set(OKABE_ITO)) == len(OKABE_ITO) == len(set(SHAPES))


def drawn(panels):
    """Return the charts as the browser gets them."""
    return {name: chart.to_dict() for name, chart in panels.items()}


def points_in(panels):
    """Return the points of all charts."""
    return [point for chart in panels.values() for point in chart["data"]["values"]]


def test_published_numbers_are_drawn_by_model_and_mitigation():
    numbers = [number for number in numbers_of(EHRLICH) if number.model in ("ResNet-50", "VGG-19")]
    panels = drawn(published_panels(numbers, []))
    points = points_in(panels)
    assert len(points) == len(numbers) == 82
    assert list(panels) == ["ResNet-50, jpeg quality", "VGG-19, jpeg quality"]
    encodings = [chart["layer"][0]["encoding"] for chart in panels.values()]
    assert {(each["color"]["field"], each["strokeDash"]["field"]) for each in encodings} == {("mitigation", "origin")}
    assert encodings[0]["strokeDash"]["scale"]["domain"] == ["as published"]
    assert encodings[0]["y"]["scale"] == encodings[1]["y"]["scale"]
    assert encodings[0]["color"]["scale"]["domain"] == mitigations_in(numbers, [])
    (drop,) = [
        p["drop"] for p in points if (p["panel"][:9], p["mitigation"], p["setting"]) == ("ResNet-50", "none", 10)
    ]
    assert drop == pytest.approx(75.31 - 63.43)


def test_what_has_no_numeric_setting_is_not_drawn():
    numbers = numbers_of(MARIE)
    panels = drawn(published_panels(numbers, []))
    assert len(points_in(panels)) == len(numbers) - 8
    assert len(panels) == 6
    assert published_panels([number for number in numbers if number.codec == "lossless"], []) == {}


def test_what_was_measured_here_has_another_line_style(tmp_path):
    resnet = "torchvision:resnet50.IMAGENET1K_V1"
    found = queries.Ranking(ranked=rows(tmp_path, [resnet], ["jpeg", "webp"]))
    numbers = [number for number in numbers_of(EHRLICH) if number.task == "classification"]
    panels = drawn(published_panels(numbers, measured_beside("toy@1", found, numbers)))
    origin = "measured here, toy@1 (cells, 526 images)"
    style = panels["ResNet-50, jpeg quality"]["layer"][0]["encoding"]["strokeDash"]
    assert style["scale"]["domain"] == ["as published", origin]
    measured = [each for each in points_in(panels) if each["origin"] == origin]
    assert [(each["panel"], each["mitigation"], each["setting"], each["drop"]) for each in measured] == [
        ("ResNet-50, jpeg quality", "none", 10.0, 39.0),
        ("ResNet-50, jpeg quality", "none", 90.0, 31.0),
    ]


def test_at_a_papers_rates_what_was_measured_stands_at_its_own_rate(tmp_path):
    swin = "timm:swin_tiny_patch4_window7_224.ms_in1k"
    (row,) = rows(tmp_path, [swin], ["bpg"])
    drops = tuple(dataclasses.replace(drop, bits_per_pixel=0.25) for drop in row.drops)
    found = queries.Ranking(ranked=(msgspec.structs.replace(row, drops=drops),))
    numbers = [number for number in numbers_of(JANEIRO) if number.task == "classification"]
    points = points_in(drawn(published_panels(numbers, measured_beside("toy@1", found, numbers))))
    measured = [each for each in points if each["origin"] != "as published"]
    assert [(each["panel"], each["setting"]) for each in measured] == [("Swin-T, bpg bpp", 0.25)] * 2
