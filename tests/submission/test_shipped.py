"""The submissions that ship: each keeps every rule of a pull request, and its rows are those of the built-in model."""

from pathlib import Path

import pytest

from suite.submission.checking import rules_broken
from suite.submission.manifest import read
from suite.submission.verify import read_results

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
SHIPPED = sorted(path.parent.name for path in SUBMISSIONS.glob("*/submission.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_rule_is_kept(name):
    assert rules_broken(SUBMISSIONS / name) == []


def test_the_three_baselines_are_there():
    assert {f"reference-efficientnet-lite{number}" for number in range(3)} <= {*SHIPPED}


def test_the_first_baseline_measured_in_a_sandbox_is_the_one_measured_without():
    rows = read_results(SUBMISSIONS / "reference-efficientnet-lite0").rows
    by_model = {
        model: {row.setting: row.measures for row in rows if row.model == model} for model in {r.model for r in rows}
    }
    assert by_model["reference-efficientnet-lite0"] == by_model["pv-efficientnet-lite0"]
    assert len(by_model["pv-efficientnet-lite0"]) == 10


def test_the_template_is_short_and_whole():
    template = SUBMISSIONS / "TEMPLATE" / "plugin.py"
    assert len(template.read_text().splitlines()) < 30
    assert read(template).name == "brightness-threshold"
