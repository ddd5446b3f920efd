"""`suite erratum` as a user types it."""

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from suite import protocols
from suite.db import queries
from suite.db.engine import open_for_reading
from tests.db.measured import Laboratory, condition, protocol, ref, result

SPEC = protocols.load("pv-cells@1")
WRONG = ["--reason", "wrong weights", "--author", "Ada"]


@pytest.fixture
def laboratory(tmp_path):
    """Give the database that the command uses, with two models and two protocols in two runs."""
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(SPEC, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record_entry(SPEC, {None: 0.7, 10: 0.4}, model="other")
    laboratory.run = laboratory.store.begin_run(["suite", "run", "again"])
    laboratory.record_entry(SPEC, {10: 0.6})
    laboratory.record_entry(protocol(), {10: 0.3})
    return laboratory


def withdrawn(laboratory):
    """Return the numbers of the results that have an erratum."""
    return sorted(stored.id for stored in queries.errata(laboratory.engine))


def words(text):
    return " ".join(text.split())


def test_named_results_are_withdrawn_and_stay(suite, laboratory):
    before = queries.results(laboratory.engine)
    done = suite("erratum", "add", 2, 4, 2, *WRONG)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 results withdrawn: no ranking counts them, boards show why, the rows stay." in done.stdout
    assert "Next: 'suite run pv-cells@1' with the options of before" in done.stdout
    assert "net on jpeg quality=10" in done.stdout
    assert withdrawn(laboratory) == [2, 4]
    after = queries.results(laboratory.engine)
    assert [(stored.id, stored.result) for stored in after] == [(stored.id, stored.result) for stored in before]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["--model", "net"], [1, 2, 3, 6]),
        (["--model", "other"], [4, 5]),
        (["--run", "2"], [6]),
        (["--run", "1", "--model", "net"], [1, 2, 3]),
        (["--cell", result(condition(SPEC, 10), 0.5).cell.digest], [2, 6]),
        (["--cell", result(condition(SPEC, 10), 0.5).cell.digest, "--run", "1"], [2]),
    ],
)
def test_all_results_under_a_protocol_that_have_something_are_withdrawn(suite, laboratory, chosen, expected):
    tried = suite("erratum", "add", "--protocol", "pv-cells@1", *chosen, *WRONG, "--dry-run")
    plural = "s" * (len(expected) > 1)
    assert f"{len(expected)} result{plural} would be withdrawn. Nothing was recorded." in tried.stdout
    assert withdrawn(laboratory) == []
    done = suite("erratum", "add", "--protocol", "pv-cells@1", *chosen, *WRONG)
    assert f"{len(expected)} result{plural} withdrawn" in done.stdout
    assert withdrawn(laboratory) == expected


def test_of_a_selection_those_that_have_the_erratum_are_left_out(suite, laboratory):
    assert suite("erratum", "add", 2, *WRONG).returncode == 0
    chosen = ["--protocol", "pv-cells@1", "--model", "net"]
    done = suite("erratum", "add", *chosen, *WRONG)
    assert "3 results withdrawn" in done.stdout
    assert withdrawn(laboratory) == [1, 2, 3, 6]
    assert {len(stored.errata) for stored in queries.errata(laboratory.engine)} == {1}
    for again in (["--dry-run"], []):
        refused = suite("erratum", "add", *chosen, *WRONG, *again)
        assert refused.returncode == 1
        assert "has this erratum already, by the same author" in refused.stderr


def test_the_list_says_who_when_and_why(suite, laboratory):
    begin = datetime.now(UTC).replace(microsecond=0)
    suite("erratum", "add", 2, *WRONG)
    suite("erratum", "add", 7, 2, "--reason", "wrong images", "--author", "Bob")
    shown = suite("erratum", "list")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "wrong weights" in shown.stdout
    assert "Bob" in shown.stdout
    rows = json.loads(suite("erratum", "list", "--json").stdout)
    assert [(row["result"], row["protocol"], row["author"]) for row in rows] == [
        (2, "pv-cells@1", "Bob"),
        (7, "toy@1", "Bob"),
        (2, "pv-cells@1", "Ada"),
    ]
    cell = result(condition(SPEC, 10), 0.5).cell
    assert (rows[0]["measurement"], rows[0]["cell"]) == (str(cell), cell.digest)
    assert all(begin <= datetime.fromisoformat(row["when"]) <= datetime.now(UTC) for row in rows)
    under = json.loads(suite("erratum", "list", "pv-cells@1", "--json").stdout)
    assert [(row["result"], row["reason"]) for row in under] == [(2, "wrong images"), (2, "wrong weights")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([1, 99, *WRONG], "There is no result 99. Run 'suite show' for the list."),
        ([1, "--reason", " ", "--author", "Ada"], "An erratum needs an author and a reason."),
        ([1, "--reason", "x", "--author", "", "--dry-run"], "An erratum needs an author and a reason."),
        ([5, 3, *WRONG], "Result 3 has this erratum already"),
        ([5, 3, *WRONG, "--dry-run"], "Result 3 has this erratum already"),
        (WRONG, "Name results by their numbers ('suite show' lists them), or --protocol with"),
        ([1, "--protocol", "pv-cells@1", *WRONG], "Name results by their numbers"),
        (["--model", "net", *WRONG], "Name results by their numbers"),
        (["--protocol", "pv-cell@1", "--model", "net", *WRONG], "Did you mean 'pv-cells@1'?"),
        (["--protocol", "pv-codecs@1", "--model", "net", *WRONG], "Run 'suite show --protocol pv-codecs@1'"),
    ],
)
def test_a_mistake_is_explained_and_nothing_is_recorded(suite, laboratory, arguments, message):
    laboratory.store.add_erratum(3, author="Ada", reason="wrong weights")
    refused = suite("erratum", "add", *arguments)
    assert refused.returncode == 1
    assert message in words(refused.stderr)
    assert "Traceback" not in refused.stderr
    assert withdrawn(laboratory) == [3]


@pytest.mark.parametrize("arguments", [[0, *WRONG], [2**63, *WRONG], ["one", *WRONG], [1, "--reason", "x"], [1]])
def test_wrong_usage_is_status_2(suite, laboratory, arguments):
    refused = suite("erratum", "add", *arguments)
    assert refused.returncode == 2
    assert withdrawn(laboratory) == []


def test_without_a_database_none_is_made(suite, tmp_path):
    refused = suite("erratum", "add", 1, *WRONG)
    assert refused.returncode == 1
    assert "There is no database at" in refused.stderr
    assert list(tmp_path.iterdir()) == []


AS_NOBODY = """
import os, sys
from contextlib import suppress
from suite.cli.main import main
import suite.db.store
arguments = ["erratum", "add", "1", "--reason", "wrong", "--author", "Ada", "--database", sys.argv[1]]
with suppress(SystemExit):  # everything that is imported when used, while it can be
    main([*arguments, "--dry-run"])
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
with suppress(SystemExit):
    main([*arguments, "--dry-run"])
main(arguments)
"""


def test_a_database_that_cannot_be_written_is_said_to_be_so():
    with tempfile.TemporaryDirectory() as directory:
        laboratory = Laboratory(Path(directory))
        laboratory.record_entry(SPEC, {10: 0.5})
        laboratory.engine.dispose()
        laboratory.path.chmod(0o444)
        Path(directory).chmod(0o555)
        command = [sys.executable, "-W", "error", "-c", AS_NOBODY, str(laboratory.path)]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=120)
        Path(directory).chmod(0o755)
        assert refused.returncode == 1
        assert refused.stdout.count("1 result would be withdrawn") == 2
        assert "cannot be written to. Change its permissions" in refused.stderr
        assert withdrawn(laboratory) == []


def test_a_long_selection_is_counted_and_shown_in_part(suite, tmp_path):
    laboratory = Laboratory(tmp_path)
    laboratory.store.record_protocol(SPEC)
    for number in range(60):
        laboratory.record(result(condition(SPEC, 10), number / 100, mitigation=ref("mitigation", f"m{number}")))
    done = suite("erratum", "add", "--protocol", "pv-cells@1", "--model", "net", *WRONG)
    assert "60 results withdrawn" in done.stdout
    assert "and 10 more" in done.stdout
    assert done.stdout.count("net + m") == 50
    assert len(withdrawn(laboratory)) == 60


def test_what_was_withdrawn_is_out_of_the_ranking_until_it_is_measured_again(suite, fake, tmp_path):
    run = ["run", "pv-cells@1", "-m", fake("Brightness"), "--setting", "50", "--limit", "12", "--device", "cpu"]
    assert "2 results stored" in suite(*run).stdout
    (kept,) = json.loads(suite("ranking", "pv-cells@1", "--json").stdout)["unranked"]
    assert len(kept["drops"]) == 1
    assert suite("erratum", "add", kept["drops"][0]["result_id"], *WRONG).returncode == 0
    (row,) = json.loads(suite("ranking", "pv-cells@1", "--json").stdout)["unranked"]
    assert row["drops"] == []
    assert "erratum: jpeg quality=50: wrong weights" in row["why_unranked"]
    assert "1 results stored" in suite(*run).stdout
    (again,) = json.loads(suite("ranking", "pv-cells@1", "--json").stdout)["unranked"]
    assert (len(again["drops"]), "erratum" in again["why_unranked"]) == (1, False)
    assert len(queries.results(open_for_reading(tmp_path / "results.db"))) == 3
