"""What the charts draw, read from the specification that the browser gets."""

import msgspec
import pytest

from leaderboard.charts import OKABE_ITO, drop_curves
from suite.db import queries
from tests.db.measured import Laboratory, condition, protocol, ref, result


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
        (["a"], ["jpeg"], "codec", False),
        (["a", "b"], ["jpeg"], "entry", False),
        (["a"], ["jpeg", "webp"], "codec", False),
        (["a", "b"], ["jpeg", "webp"], "entry", True),
    ],
)
def test_no_line_joins_two_codecs(tmp_path, models, codecs, line, panels):
    chart = drop_curves(rows(tmp_path, models, codecs)).to_dict()
    assert ("facet" in chart) == panels
    encoding = (chart["spec"] if panels else chart)["encoding"]
    assert encoding["color"]["field"] == line
    points = chart["data"]["values"]
    assert {(each["entry"], each["codec"]) for each in points} == {(m, c) for m in models for c in codecs}
    assert {each["drop"] for each in points} == {39.0, 31.0}
    assert encoding["color"]["scale"]["domain"] == sorted({each[line] for each in points})


def test_colours_are_distinct():
    assert len(set(OKABE_ITO)) == len(OKABE_ITO)
