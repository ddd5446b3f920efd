"""`suite compare` as a user types it, after a real run of two models."""

import json

import pytest


@pytest.fixture
def measured(suite, fake):
    chosen = ["--setting", "50", "--limit", "40", "--device", "cpu"]
    run = suite("run", "pv-cells@1", "--model", fake("Brightness"), "--model", fake("Darkness"), *chosen)
    assert run.returncode == 0, run.stderr
    return suite


def test_two_models_are_compared_on_what_they_have_measured(measured):
    found = measured("compare", "brightness", "darkness", "--protocol", "pv-cells@1")
    assert (found.returncode, found.stderr) == (0, "")
    shown = " ".join(found.stdout.split())
    assert "pv-cells@1: top1, brightness against darkness on pv-cells" in shown
    assert "mean top1 over 1 compressed condition:" in shown
    assert "trial on 40 of 526 samples" in shown
    (table,) = json.loads(measured("compare", "brightness", "darkness", "-p", "pv-cells@1", "--json").stdout)
    ranked = json.loads(measured("ranking", "pv-cells@1", "--json").stdout)["unranked"]
    values = {row["model"]["name"]: row["drops"][0]["measure"]["value"] for row in ranked}
    assert [row["condition"] for row in table["conditions"]] == ["original", "jpeg quality=50"]
    assert table["conditions"][1]["first"] == pytest.approx(values["brightness"])
    assert table["conditions"][1]["second"] == pytest.approx(values["darkness"])
    # One answers the opposite of the other: each image is right in just one of them.
    only = table["conditions"][1]["discordant"]
    assert only["only_first"] + only["only_second"] == 40
    assert only["only_first"] / 40 == pytest.approx(values["brightness"])


def test_a_misspelt_entry_is_explained(measured):
    found = measured("compare", "brightnes", "darkness", "--protocol", "pv-cells@1")
    assert found.returncode == 1
    assert "Did you mean 'brightness'?" in found.stderr
    assert "Traceback" not in found.stderr


def test_the_protocol_must_be_named(suite):
    found = suite("compare", "brightness", "darkness")
    assert found.returncode == 2
    assert "--protocol" in found.stderr


def test_without_a_database_the_command_says_so(suite):
    found = suite("compare", "brightness", "darkness", "--protocol", "pv-cells@1")
    assert found.returncode == 1
    assert "There is no database at" in found.stderr
