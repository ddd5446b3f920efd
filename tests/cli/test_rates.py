"""`suite rates` as a user types it, on a protocol of one's own with two codecs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from suite import protocols
from tests.db.measured import Laboratory
from tests.report.measured_curves import points, record_curves

WEBP = """
[[codecs]]
name = "webp"
version = "1"
parameter = "quality"
values = [10, 30, 50, 70, 90]

[[tracks]]
"""


@pytest.fixture
def own_protocol(tmp_path):
    """Give the file of a draft like pv-cells@1, with WebP as well."""
    text = (Path(protocols.__file__).parent / "pv-cells@1.toml").read_text(encoding="utf-8")
    text = text.replace('name = "pv-cells"', 'name = "mine"', 1).replace("[[tracks]]", WEBP)
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("values = [10, 20, 30, 40, 50, 60, 70, 80, 90]", "values = [10, 30, 50, 70, 90]"))
    return path


@pytest.fixture
def rates(tmp_path):
    laboratory = Laboratory(tmp_path)

    def run(protocol, *words, measured):
        for curves in measured:
            record_curves(laboratory, protocols.load(str(protocol)), **curves)
        laboratory.engine.dispose()
        command = [sys.executable, "-W", "error", "-m", "suite.cli.main", "rates", str(protocol), *words]
        environment = os.environ | {"SUITE_DATABASE": str(laboratory.path)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)

    return run


def test_codecs_are_summed_up_against_jpeg(rates, own_protocol):
    found = rates(own_protocol, measured=[{"curves": {0: points(), 1: points(factor=2)}}])
    assert (found.returncode, found.stderr) == (0, "")
    assert "mine@1: top1 by rate on pv-cells, against jpeg" in found.stdout
    (webp,) = [line.split() for line in found.stdout.splitlines() if line.strip().startswith("net") and "webp" in line]
    assert "+100.0" in webp
    assert "net: protocol is a draft" in found.stdout


def test_a_script_gets_json_and_chooses_the_reference(rates, own_protocol):
    measured = [{"curves": {0: points(), 1: points(factor=2)}}]
    found = rates(own_protocol, "--json", "--reference", "webp", measured=measured)
    (table,) = json.loads(found.stdout)
    assert table["reference"] == "webp"
    assert table["curves"][0]["bd_rate_percent"]["value"] == pytest.approx(-50)


def test_a_reference_that_was_not_measured_is_a_mistake(rates, own_protocol):
    found = rates(own_protocol, "--reference", "avif", measured=[{"curves": {0: points(), 1: points()}}])
    assert found.returncode == 1
    assert "No codec of these results is named 'avif'. There are: jpeg, webp." in " ".join(found.stderr.split())


def test_without_whole_results_the_command_says_so(rates, own_protocol):
    found = rates(own_protocol, measured=[{"curves": {0: points()}, "on": {"limit": 9}}])
    assert found.returncode == 0
    assert "no results of mine@1 on all samples yet" in " ".join(found.stdout.split())
