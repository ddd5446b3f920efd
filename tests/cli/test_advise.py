"""`suite advise` as a user types it, after a real run of a model that only looks at brightness."""

import json

import pytest


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("advise") / "results.db"


@pytest.fixture
def measured(suite, fake, database):
    """Give the command on results of all images at one quality, measured once for the module."""
    if not database.exists():
        chosen = ["--model", fake("Brightness"), "--setting", "30", "--device", "cpu", "--database", database]
        run = suite("run", "pv-cells@1", *chosen)
        assert run.returncode == 0, run.stderr
    return lambda *words: suite("advise", *words, "--database", database)


def test_advice_is_a_sentence_and_a_table(measured):
    found = measured("--max-drop", "10")
    assert (found.returncode, found.stderr) == (0, "")
    shown = " ".join(found.stdout.split())
    assert shown.startswith("To keep brightness on pv-cells within 10 points of its top1, use jpeg from 0.407 bits per")
    assert "(quality=30)" in shown
    assert "fewer bytes than the originals as stored (3.048 bpp)" in shown
    assert "brightness: incomplete: 2 of 10 conditions" in shown


def test_a_script_gets_json_and_names_the_baseline(measured):
    words = ["--max-drop", "10", "--protocol", "pv-cells@1", "--baseline", "jpeg quality=30", "--simultaneous"]
    found = measured(*words, "--confidence", "0.9", "--json")
    (advice,) = json.loads(found.stdout)
    assert advice["baseline"][0] == "jpeg quality 30"
    assert advice["level"] == pytest.approx(0.9)
    assert advice["answers"][0]["saving"] == pytest.approx(0)
    assert advice["answers"][0]["smallest"]["setting"] == "quality=30"


def test_a_misspelt_model_is_explained(measured):
    found = measured("--max-drop", "1", "--model", "brightnes")
    assert found.returncode == 1
    assert "Did you mean 'brightness'?" in found.stderr


def test_the_budget_must_be_named_and_possible(measured):
    assert measured().returncode == 2
    found = measured("--max-drop", "-1")
    assert found.returncode == 1
    assert "Expected 0 to 100 percentage points to lose, but got -1." in found.stderr


def test_a_protocol_without_results_has_no_advice(measured):
    found = measured("--max-drop", "1", "--protocol", "pv-codecs@1")
    assert found.returncode == 0
    assert "no results of pv-codecs@1 on all samples yet" in " ".join(found.stdout.split())


def test_without_a_database_the_command_says_so(suite):
    found = suite("advise", "--max-drop", "1")
    assert found.returncode == 1
    assert "There is no database at" in found.stderr
