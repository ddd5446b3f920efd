"""A machine that makes other pixels is told so, and its results are never ranked."""

import shutil

import numpy as np
import pytest

from plugins.codecs.jpegxl import JpegXl
from suite import conformance, protocols, runner
from suite.db import queries
from suite.db.engine import open_for_reading
from suite.lineup import Choice
from suite.tuning import Wish

SPEC = protocols.load("pv-cells@1")


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """Let a test change the golden values."""
    directory = tmp_path / "golden"
    shutil.copytree(conformance.GOLDEN, directory)
    monkeypatch.setattr(conformance, "GOLDEN", directory)
    file = directory / f"{SPEC.label}.toml"

    def change(section, name):
        values = conformance.expected(SPEC)
        values[section][name] = "sha256:" + "0" * 64
        file.write_text(conformance.as_toml(values))

    return change


@pytest.mark.parametrize("label", protocols.released_digests())
def test_the_pinned_libraries_conform(label):
    checks = conformance.check(protocols.load(label))
    assert checks
    assert [check for check in checks if not check.ok and not check.missing] == []


def test_every_setting_and_baseline_has_a_golden_value():
    values = conformance.expected(SPEC)
    settings = {f"{codec.name} {setting}" for codec in SPEC.codecs for setting in codec.settings()}
    assert set(values["pixels"]) == set(values["bits"]) == settings
    assert set(values["geometry"]) == {str(name) for track in SPEC.tracks for name in track.baselines}


def test_other_pixels_and_geometries_deviate_and_other_bits_do_not(golden):
    golden("pixels", "jpeg quality=30")
    golden("bits", "jpeg quality=40")
    golden("geometry", "pv-efficientnet-lite1@1")
    assert conformance.deviating(SPEC) == {"jpeg quality=30", "pv-efficientnet-lite1@1"}
    assert [check.name for check in conformance.check(SPEC) if not check.ok] == [
        "jpeg quality=30",
        "jpeg quality=40",
        "pv-efficientnet-lite1@1",
    ]


def test_results_of_a_deviating_machine_are_stored_and_not_ranked(golden, fake, tmp_path):
    golden("pixels", "jpeg quality=30")
    database = tmp_path / "r.db"
    runner.run(SPEC, Choice(models=(fake("Brightness"),)), database=database, device="cpu", wish=Wish(4, 2))
    conforming = {
        str(r.result.cell.condition): r.result.conformant for r in queries.results(open_for_reading(database))
    }
    assert [condition for condition, conforms in conforming.items() if not conforms] == ["jpeg quality=30"]
    ranking = queries.ranking(open_for_reading(database), SPEC.digest, released=True)
    assert not ranking.ranked
    assert "do not conform" in ranking.unranked[0].why_unranked


def test_a_conforming_full_run_is_ranked(fake, tmp_path):
    database = tmp_path / "r.db"
    runner.run(SPEC, Choice(models=(fake("Brightness"),)), database=database, device="cpu", wish=Wish(4, 2))
    ranking = queries.ranking(open_for_reading(database), SPEC.digest, released=protocols.is_released(SPEC))
    assert [(row.rank, row.model.name, row.samples) for row in ranking.ranked] == [(1, "brightness", 526)]


def test_a_draft_has_nothing_to_compare():
    assert conformance.check(protocols.load("imagenet-jpeg@1")) == []


def test_golden_values_survive_their_file():
    values = conformance.compute(SPEC)
    assert conformance.expected(SPEC) == values
    assert (conformance.GOLDEN / f"{SPEC.label}.toml").read_text() == conformance.as_toml(values)


class Off(JpegXl):
    """JPEG XL on another processor: a share of the pixels is a few levels off."""

    levels, share = 1, 0.01

    def decode(self, data):
        image = super().decode(data)
        rng = np.random.default_rng(0)
        hit = (rng.random(image.shape) < self.share) & (image < 255 - self.levels)
        return image + np.where(hit, self.levels, 0).astype(np.uint8)


def jpegxl_conforms():
    checks = conformance.check(protocols.load("pv-codecs@1"), {"jpegxl distance=6.0"})
    return {check.kind: check.conforms for check in checks}


@pytest.mark.parametrize(
    ("levels", "share", "ok"), [(1, 0.01, True), (13, 0.0005, True), (1, 0.5, False), (40, 0.1, False)]
)
def test_within_its_tolerance_a_codec_conforms(monkeypatch, levels, share, ok):
    monkeypatch.setattr("plugins.codecs.jpegxl.JpegXl", Off)
    monkeypatch.setattr(Off, "levels", levels)
    monkeypatch.setattr(Off, "share", share)
    assert jpegxl_conforms() == {"pixels": ok, "bits": True}


def test_without_a_tolerance_or_its_references_every_pixel_counts(golden, tmp_path, monkeypatch):
    monkeypatch.setattr("plugins.codecs.jpegxl.JpegXl", Off)
    assert jpegxl_conforms()["pixels"]
    monkeypatch.setattr(Off, "tolerance", 0.0)
    assert not jpegxl_conforms()["pixels"]
    monkeypatch.undo()
    monkeypatch.setattr(conformance, "GOLDEN", tmp_path / "golden")
    shutil.rmtree(tmp_path / "golden" / "pv-codecs@1")
    assert jpegxl_conforms()["pixels"]
    monkeypatch.setattr("plugins.codecs.jpegxl.JpegXl", Off)
    assert not jpegxl_conforms()["pixels"]


def test_what_the_machine_lacks_is_named_and_what_has_no_golden_value_is_nobodys_fault(monkeypatch):
    checks = conformance.check(protocols.load("marie2022@1"))
    bpg = [check for check in checks if check.subject == "bpg"]
    assert {(check.expected, check.conforms) for check in bpg} == {("", True)}
    assert len(bpg) == 6
    monkeypatch.setattr("plugins.codecs.jpeg2000.Jpeg2000.unavailable", "There is no OpenJPEG.", raising=False)
    checks = conformance.check(protocols.load("marie2022@1"))
    missing = {check.subject: check.missing for check in checks if check.missing and check.subject != "bpg"}
    assert missing == {"jpeg2000": "There is no OpenJPEG."}
    assert all(check.conforms for check in checks)
