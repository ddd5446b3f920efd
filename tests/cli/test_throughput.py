"""`suite throughput` as a user types it, on real images with a fake model as the reference."""

import json
from pathlib import Path

import pytest

from suite import protocols
from tests import fake_models

BRIGHTNESS = f"{fake_models.__file__}:Brightness"


@pytest.fixture
def own_protocol(tmp_path):
    """Give the file of a draft like pv-cells@1 whose first baseline is quick."""
    text = (Path(protocols.__file__).parent / "pv-cells@1.toml").read_text(encoding="utf-8")
    text = text.replace('name = "pv-cells"', 'name = "mine"', 1)
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('"pv-efficientnet-lite0"', json.dumps(BRIGHTNESS)))
    return path


QUICK = ("--seconds", "0.01", "--repeats", "2", "--device", "cpu")


def test_a_timing_is_unverified_until_its_accuracy_is_measured(suite, own_protocol):
    choice = (own_protocol, "--model", BRIGHTNESS)
    first = suite("throughput", *choice, *QUICK)
    assert first.returncode == 0, first.stderr
    assert "mine@1: inference" in first.stdout
    assert "timing pv-cells: 2 of 2 (100%)" in first.stderr
    shown = " ".join(first.stdout.split())
    assert f"brightness: unverified: no accuracy run of it here yet: suite run {own_protocol}" in shown

    assert suite("run", *choice, "--device", "cpu", "--setting", "50", "--limit", "16").returncode == 0
    again = suite("throughput", *choice, *QUICK, "--json")
    assert again.returncode == 0, again.stderr
    codec, entry = json.loads(again.stdout)
    assert (entry["protocol"], entry["throughput"]["status"]) == ("mine@1", "valid")
    found = {measure["name"]: measure for measure in entry["throughput"]["measures"]}
    assert found["images_per_second_at_1"]["low"] <= found["images_per_second_at_1"]["value"]
    assert found["peak_memory_mib"]["value"] > 50
    assert entry["throughput"]["settings"]["seconds"] == 0.01
    assert codec["throughput"]["condition"]["value"] == 50


def test_training_has_a_table_unless_it_is_declined(suite, own_protocol):
    choice = (own_protocol, "--model", f"{fake_models.__file__}:Learns", *QUICK)
    trained = suite("throughput", *choice)
    assert trained.returncode == 0, trained.stderr
    assert "mine@1: training step" in trained.stdout
    assert "timing training on pv-cells: 1 of 1 (100%)" in trained.stderr
    untrained = suite("throughput", *choice, "--no-training")
    assert untrained.returncode == 0, untrained.stderr
    assert "training step" not in untrained.stdout


def test_a_broken_model_ends_with_status_1_and_the_reason(suite, own_protocol):
    found = suite("throughput", own_protocol, "--model", f"{fake_models.__file__}:Raises", *QUICK)
    assert found.returncode == 1
    assert "raises: failed: ValueError: the sky is falling" in found.stdout


def test_no_time_is_no_measurement(suite):
    found = suite("throughput", "pv-cells@1", "--seconds", "0")
    assert (found.returncode, found.stdout) == (1, "")
    assert "Expected a time above 0" in found.stderr
