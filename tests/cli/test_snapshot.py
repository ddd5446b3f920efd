"""`suite export` and `suite import SNAPSHOT` as a user types them."""

import json

import pyarrow.parquet
import pytest

from suite import protocols
from suite.db import snapshot
from tests.db.measured import Laboratory, condition, protocol, result

TOY = protocol()


@pytest.fixture
def board(tmp_path):
    """Fill the database that the commands use; return where a snapshot may go."""
    laboratory = Laboratory(tmp_path)
    laboratory.record_entry(TOY, {None: 0.9, 10: 0.5, 90: 0.8})
    laboratory.record(
        result(condition(TOY, 10), 0.4, model="other"), outcomes=pyarrow.table({"correct": [True, False]})
    )
    laboratory.record_entry(protocols.load("pv-cells@1"), {None: 0.9})
    return tmp_path / "board"


def test_a_board_is_exported_cited_and_imported(suite, board, tmp_path):
    made = suite("export", board, "--with-outcomes")
    assert (made.returncode, made.stderr) == (0, "")
    assert f"{board}: 5 results, 4 files, " in made.stdout
    assert f"To cite it: {snapshot.snapshot_digest(board)}" in made.stdout
    copy = tmp_path / "copy" / "results.db"
    for counts in (["5", "0"], ["0", "5"]):
        found = suite("import", board, "--database", copy)
        assert (found.returncode, found.stderr) == (0, "")
        rows = {words[0]: words[1:] for line in found.stdout.splitlines() if (words := line.split())}
        assert rows["result"] == counts
        assert rows["digest"][0] == f"{snapshot.snapshot_digest(board)},"
        assert "per-sample tables are not in it" not in found.stdout
    shown = [json.loads(suite("show", "--json", "--database", path).stdout) for path in (copy, tmp_path / "results.db")]
    assert shown[0] == shown[1]
    assert len(shown[0]) == 5


def test_a_script_reads_what_was_exported_and_imported(suite, board, tmp_path):
    made = json.loads(suite("export", board, "--protocol", "toy@1", "--json").stdout)
    assert made == json.loads((board / "manifest.json").read_text(encoding="utf-8"))
    assert [each["protocol"] for each in made["protocols"]] == ["toy@1"]
    found = json.loads(suite("import", board, "--json", "--database", tmp_path / "copy.db").stdout)
    assert (found["digest"], found["missing_outcomes"]) == (made["digest"], 1)
    assert found["imported"]["result"] == {"added": 4, "known": 0}
    assert "1 per-sample tables are not in it" in suite("import", board, "--database", tmp_path / "copy.db").stdout
    published = json.loads(suite("import", "published", "--json").stdout)
    assert published == {"ehrlich2020": 841, "marie2022": 80, "janeiro2023": 10}


def test_only_the_formats_that_are_named_are_written(suite, board):
    made = suite("export", board, "--format", "parquet")
    assert made.returncode == 0
    assert {path.name for path in board.iterdir()} == {"manifest.json", "results.parquet"}
    assert "suite import" not in made.stdout
    assert pyarrow.parquet.read_table(board / "results.parquet").num_rows == 5


def test_a_mistake_is_explained_and_nothing_is_made(suite, board, tmp_path):
    assert suite("export", board).returncode == 0
    data = board / "suite.db"
    data.write_bytes(data.read_bytes()[:-1])
    copy = tmp_path / "copy.db"
    for words, message in (
        (["export", board], "is there already"),
        (["export", tmp_path / "x", "--protocol", "toi@1"], "Did you mean 'toy@1'?"),
        (["export", tmp_path / "x", "--format", "csv"], "Expected formats among sqlite, parquet, json, but got csv"),
        (["export", tmp_path / "x", "--database", copy], "There is no database at"),
        (["import", board, "--database", copy], "suite.db has "),
        (["import", "publised", "--database", copy], "the papers' numbers come with: suite import published"),
    ):
        found = suite(*words)
        assert found.returncode == 1
        assert message in " ".join(found.stderr.split())
        assert "Traceback" not in found.stderr
        assert not (tmp_path / "x").exists()
        assert not copy.exists()
