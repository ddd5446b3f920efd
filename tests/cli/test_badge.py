"""Badges as a user sees them on the command line: in a ranking and beside one result."""

import json

import pytest

from suite import protocols
from tests.db.measured import Laboratory, ref

SPEC = protocols.load("pv-cells@1")


@pytest.fixture
def laboratory(tmp_path):
    found = Laboratory(tmp_path)
    for model in ("net", "other"):
        found.record_entry(SPEC, {None: 0.9, 10: 0.5, 90: 0.8}, model=model)
    found.record_verification(SPEC, plugin=ref("model", "net"))
    yield found
    found.engine.dispose()


def test_a_ranking_says_who_verified_what(suite, laboratory):
    shown = suite("ranking", SPEC.label)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "net: verified: 26 predictions made again, 2026-11-21, by Ada" in shown.stdout
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert any(row[1:3] == ["net", "verified"] for row in rows)
    assert any(row[1:3] == ["other", "-"] for row in rows)


def test_a_script_reads_the_newest_verification_of_each_entry(suite, laboratory):
    laboratory.record_verification(SPEC, plugin=ref("model", "net"), differing=3, author="Bob")
    found = json.loads(suite("ranking", SPEC.label, "--json").stdout)
    assert [(each["name"], each["author"], each["differing"]) for each in found["verifications"]] == [("net", "Bob", 3)]
    assert {row["model"]["name"] for row in (*found["ranked"], *found["unranked"])} == {"net", "other"}


def test_a_result_comes_with_the_verifications_of_its_plugins(suite, laboratory):
    laboratory.record_verification(SPEC, plugin=ref("model", "net"), differing=3, author="Bob")
    of_net, of_other = (json.loads(suite("show", number, "--json").stdout)["verifications"] for number in (1, 4))
    assert [each["verification"]["author"] for each in of_net] == ["Bob", "Ada"]
    assert of_other == []
