"""The cells that a submission has to have, recomputed without any plugin, against what a run plans with live ones."""

import msgspec
import pytest

from suite.lineup import Choice, line_up
from suite.origin import Origin
from suite.protocols import load
from suite.registry import Loaded
from suite.spec import Measure, Result, Tuning
from suite.submission.planned import cells_of, lacking, parts_of, row_of
from suite.submission.records import SCHEMA, Results
from tests.fakes import TopBits
from tests.submission.gate.folders import OPEN, SPEC, ref, results

TUNING = Tuning(device="cpu", workers=1, threads_per_worker=1, block=8, batch={}, layout={})


def recorded(spec, plugin, cells):
    return msgspec.structs.replace(
        results(plugin, rows=()),
        protocol=spec.label,
        protocol_digest=spec.digest,
        **parts_of(cells, plugin)._asdict(),
    )


def digests(cells):
    return [(cell.condition.digest, cell.digest) for cell in cells]


def test_a_runs_own_plan_is_recomputed_from_what_results_name(fake):
    choice = Choice(models=(fake("Brightness"), SPEC.tracks[0].baselines[0].name))
    (track,) = line_up(SPEC, choice).tracks
    cells = [cell for item in track.planned for cell in item.cells]
    found = recorded(SPEC, cells[0].model, cells)
    assert list(lacking(SPEC, "classification", found)) == []
    assert digests(cells_of(SPEC, "classification", found)) == digests(cells)
    assert len(cells) == 20


def test_in_json_and_back_the_plan_is_the_same(fake):
    (track,) = line_up(SPEC, Choice(models=(fake("Brightness"),))).tracks
    cells = [cell for item in track.planned for cell in item.cells]
    found = msgspec.json.decode(msgspec.json.encode(recorded(SPEC, cells[0].model, cells)), type=Results)
    assert digests(cells_of(SPEC, "classification", found)) == digests(cells)


def everything(spec, plugin):
    """Give results that name one plugin for everything that a protocol has."""
    track = spec.tracks[0]
    codecs = dict.fromkeys(("none", *(codec.name for codec in spec.codecs)))
    plugins = (
        *(ref("codec", name) for name in codecs),
        ref("mitigation", "none"),
        ref("model", track.baselines[0].name),
    )
    data = msgspec.structs.replace(
        results(plugin, rows=()).data[0],
        dataset=ref("dataset", track.dataset.name),
        split=track.split,
        manifest=track.manifest or "sha256:own",
        samples=track.samples,
    )
    whole = msgspec.structs.replace(results(plugin, rows=()), schema=SCHEMA, protocol=spec.label)
    return msgspec.structs.replace(whole, protocol_digest=spec.digest, plugins=plugins, data=(data,))


@pytest.mark.parametrize("label", ["pv-cells@1", "pv-codecs@1", "marie2022@1", "pv-open-codecs@1"])
def test_every_released_protocol_can_be_recomputed(label):
    spec = load(label)
    found = everything(spec, ref("model", "mine", digest="a"))
    assert list(lacking(spec, "classification", found)) == []
    cells = cells_of(spec, "classification", found)
    settings = 1 + sum(len(codec.values) for codec in spec.codecs)
    assert len({cell.digest for cell in cells}) == len(cells) == 2 * settings
    geometries = {cell.condition.geometry and cell.condition.geometry.name for cell in cells}
    first = spec.order == "geometry-then-compress"
    assert geometries == ({"mine", spec.tracks[0].baselines[0].name} if first else {None})


def test_a_codec_is_sent_to_a_protocol_that_takes_others():
    found = everything(SPEC, ref("codec", "mine"))
    assert any("under one that does (pv-open-codecs@1)" in text for text in lacking(SPEC, "classification", found))


def test_a_submitted_codecs_plan_is_that_of_a_run_with_the_live_one():
    codec = guest("top-bits", TopBits())
    (track,) = line_up(OPEN, Choice(codecs=("jpeg", "top-bits"), mitigations=("none",), guests=(codec,))).tracks
    cells = [cell for item in track.planned for cell in item.cells]
    found = msgspec.structs.replace(recorded(OPEN, codec.ref, cells), searched="bits")
    assert list(lacking(OPEN, "classification", found)) == []
    assert digests(cells_of(OPEN, "classification", found)) == digests(cells)
    assert len(cells) == 1 + 2 * len(OPEN.open_codecs.values)


def guest(name, plugin):
    """Give a codec that comes from outside the registry."""
    return Loaded(plugin, ref("codec", name, digest="a"), Origin("codec", f"{name}.py:Plugin"))


def test_a_row_says_what_its_result_says():
    cell = cells_of(SPEC, "classification", results(ref("model", "mine", digest="a")))[-1]
    measures = (Measure(name="top1", value=0.5),)
    outcome = "sha256:" + "1" * 64
    result = Result(cell=cell, status="ok", conformant=False, tuning=TUNING, measures=measures, outcomes=outcome)
    row = row_of(result)
    assert (row.cell, row.condition, row.samples) == (cell.digest, cell.condition.digest, 526)
    assert (row.dataset, row.codec, row.setting) == ("pv-cells", "jpeg", "quality=90")
    assert (row.status, row.conformant, row.measures, row.outcomes) == ("ok", False, measures, outcome)
