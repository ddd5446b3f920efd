"""Everything of one entry, from a board with a little of everything."""

import json
import shlex
from itertools import pairwise

import msgspec
import pytest

from suite.db.engine import open_for_reading
from suite.db.queries import protocols
from suite.report.board import entry
from suite.report.board.standing import standing_of
from tests.db.measured import HERE, Laboratory, condition, protocol, ref, result
from tests.leaderboard.recorded import SPEC, record

TOY = protocol()


def standing_in(engine, label):
    return standing_of(engine, next(each for each in protocols(engine) if each.label == label))


def report_of(engine, standing, name):
    (place,) = entry.places_of(standing, name)
    return entry.read_entry(engine, standing.protocol.digest, standing.entries.rows[place]), standing.entries.row(place)


def test_a_mitigated_entry_has_its_results_and_the_original_of_its_model(tmp_path):
    engine = open_for_reading(record(tmp_path))
    standing = standing_in(engine, SPEC.label)
    report, row = report_of(engine, standing, "small + deblock")
    table = entry.result_columns(standing, report, entry.counted_results(row))
    assert len(report.results) == 1 + len(standing.entries.conditions)
    assert table["condition"][:3] == ["original", "jpeg quality=5", "jpeg quality=10"]
    assert table["top1, %"][:3] == pytest.approx([80, 70, 72])
    assert table["drop, points"][:3] == [None, pytest.approx(10), pytest.approx(8)]
    assert table["bpp"][:3] == [8.0, 0.25, 0.5]
    assert set(table["status"]) == {"counts"}
    assert {each.result.cell.mitigation.name for each in report.results[:-1]} == {"deblock"}
    assert {each.result.cell.model for each in report.results} == {row.model}


def test_cards_digests_and_commands(tmp_path):
    engine = open_for_reading(record(tmp_path))
    standing = standing_in(engine, SPEC.label)
    report, row = report_of(engine, standing, "small + deblock")
    cards = entry.card_columns(standing, row)
    assert dict(zip(cards["what"], cards["model"], strict=True))["parameters"] == "4,000,000"
    assert dict(zip(cards["what"], cards["mitigation"], strict=True))["licence"] == "not stated"
    plugins = entry.plugin_columns(report)
    assert plugins["name"][:5] == ["small", "deblock", "pv-cells", "none", "jpeg"]
    assert plugins["digest"][0] == row.model.digest
    arguments = shlex.split(entry.general_command(standing, report))
    assert arguments[:7] == ["suite", "run", SPEC.label, "--model", "small", "--mitigation", "deblock"]
    assert [name for flag, name in pairwise(arguments) if flag == "--codec"] == [
        codec.label for codec in SPEC.codecs if codec.name != "none"
    ]
    assert entry.run_columns(report)["command"] == ["suite run toy"]


def test_what_failed_was_withdrawn_or_made_anew_is_kept(tmp_path):
    laboratory = Laboratory(tmp_path)
    numbers = laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    again = laboratory.record(result(condition(TOY, 10), 0.6))
    failed = laboratory.record(result(condition(TOY, 90), None, reason="CodecError: broken"))
    laboratory.store.add_erratum(numbers[None], author="A. Founder", reason="wrong weights")
    standing = standing_in(laboratory.engine, TOY.label)
    report, row = report_of(laboratory.engine, standing, "net")
    table = entry.result_columns(standing, report, entry.counted_results(row))
    assert dict(zip(table["result"], table["status"], strict=True)) == {
        numbers[None]: "withdrawn",
        again: "counts",
        numbers[10]: "another one counts",
        failed: "failed",
        numbers[90]: "another one counts",
    }
    errata = entry.erratum_columns(report)
    assert (errata["result"], errata["author"], errata["reason"]) == (
        [numbers[None]],
        ["A. Founder"],
        ["wrong weights"],
    )
    failures = entry.failure_columns(report)
    assert (failures["result"], failures["reason"]) == ([failed], ["CodecError: broken"])
    assert entry.facts_of(standing, report)[1].startswith("No rank: failed: jpeg quality=90: CodecError: broken")
    laboratory.engine.dispose()


def test_every_verification_of_the_entrys_plugins_is_there_the_newest_first(tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, mitigation="restore")
    laboratory.record_verification(TOY, differing=26, limit=1234)
    laboratory.record_verification(TOY, author="Bob")
    laboratory.record_verification(TOY, plugin=ref("mitigation", "restore"), author="Eve")
    standing = standing_in(laboratory.engine, TOY.label)
    plain, restored = (report_of(laboratory.engine, standing, name)[0] for name in ("net", "net + restore"))
    table = entry.verification_columns(plain)
    assert (table["badge"], table["by"]) == (["verified", "verification failed"], ["Bob", "Ada"])
    assert (table["images"], table["different"], table["made again"]) == (["all", "the first 1,234"], [0, 26], [26, 26])
    assert table["share asked for, %"] == pytest.approx([5, 5])
    assert entry.verification_columns(restored)["of"] == ["restore@1", "net@1", "net@1"]
    found = json.loads(entry.everything(standing, plain))["verifications"]
    assert [each["verification"]["author"] for each in found] == ["Bob", "Ada"]
    laboratory.engine.dispose()


def test_machines_versions_and_trials_of_one_name_are_entries_of_their_own(tmp_path):
    laboratory = Laboratory(tmp_path)
    values = {None: 0.9, 10: 0.5, 90: 0.8}
    laboratory.record_entry(TOY, values)
    laboratory.record_entry(TOY, values, model=ref("model", "net", "2"))
    laboratory.record_entry(TOY, values, on={"limit": 8})
    laboratory.record_entry(TOY, values, model="other")
    standing = standing_in(laboratory.engine, TOY.label)
    places = entry.places_of(standing, "net")
    labels = entry.place_labels(standing, places, {HERE.digest: HERE})
    assert (len(places), len(set(labels))) == (3, 3)
    for place in places:
        report = entry.read_entry(laboratory.engine, TOY.digest, standing.entries.rows[place])
        assert len(report.results) == 3
        assert {each.result.cell.condition.limit for each in report.results} == {report.row.limit}
    trial = next(place for place in places if standing.entries.rows[place].limit)
    report = entry.read_entry(laboratory.engine, TOY.digest, standing.entries.rows[trial])
    assert entry.general_command(standing, report) == "suite run toy@1 --model net --codec jpeg --limit 8"
    laboratory.engine.dispose()


def test_names_with_spaces_and_quotes_stay_one_argument(tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8}, model="my net; rm -rf '$HOME'")
    standing = standing_in(laboratory.engine, TOY.label)
    report, _ = report_of(laboratory.engine, standing, "my net; rm -rf '$HOME'")
    assert shlex.split(entry.general_command(standing, report))[4] == "my net; rm -rf '$HOME'"
    laboratory.engine.dispose()


def test_the_command_of_a_run_begins_with_the_program(tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.run = laboratory.store.begin_run(["run", "toy.toml", "--model", "a b.py:Net"])
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    report, _ = report_of(laboratory.engine, standing_in(laboratory.engine, TOY.label), "net")
    assert entry.run_columns(report)["command"] == ["suite run toy.toml --model 'a b.py:Net'"]
    laboratory.engine.dispose()


def test_the_download_has_everything(tmp_path):
    engine = open_for_reading(record(tmp_path))
    standing = standing_in(engine, SPEC.label)
    report, row = report_of(engine, standing, "large")
    found = json.loads(entry.everything(standing, report))
    assert (found["entry"], found["protocol"]["digest"]) == ("large", SPEC.digest)
    assert found["environment"] == {"digest": HERE.digest, "recorded": msgspec.to_builtins(HERE)}
    assert found["cards"]["model"]["training_data"] == "LAION-2B"
    assert found["standing"]["rank"] == row.rank
    assert [each["id"] for each in found["results"]] == [each.id for each in report.results]
    measures = {each["name"]: each["value"] for each in found["results"][0]["result"]["measures"]}
    assert measures["top1"] == report.results[0].measure("top1").value
