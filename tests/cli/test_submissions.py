"""`suite submissions check` on a real repository, as `make check-submissions` runs it."""

import json
import subprocess

import pytest

from suite.cli import submissions
from suite.cli.main import main
from suite.submission.markdown import fault_of
from tests.submission.gate.folders import MANIFESTS, make, ref, results, verification


@pytest.fixture
def repository(tmp_path, monkeypatch):
    root = tmp_path / "repository"
    (root / "submissions").mkdir(parents=True)
    (root / "submissions" / "README.md").write_text("rules")
    git(root, "init", "-q", "-b", "main")
    commit(root)
    git(root, "switch", "-q", "-c", "mine")
    monkeypatch.setattr(submissions, "manifests", lambda: MANIFESTS)
    return root


def git(root, *words):
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=root, check=True)


def commit(root):
    git(root, "add", "-A")
    git(root, "-c", "commit.gpgsign=false", "commit", "-q", "-m", "change")


def check(root, *words):
    with pytest.raises(SystemExit) as stop:
        main(["submissions", "check", "--repository", str(root), *map(str, words)])
    return stop.value.code


def test_a_submission_that_keeps_the_rules_passes_and_its_table_is_written(repository, tmp_path, capsys):
    make(repository / "submissions", "mine")
    commit(repository)
    comment = tmp_path / "comment.md"
    assert check(repository, "--no-run", "--comment", comment) == 0
    assert capsys.readouterr().out == "Submissions changed: 1. Problems: 0.\n"
    assert fault_of(comment.read_bytes()) == ""
    assert "### `mine`" in comment.read_text()


def test_problems_are_listed_in_lines_that_start_alike(repository, tmp_path, capsys):
    folder = make(repository / "submissions", "mine")
    (folder / "a\n::error::b").write_text("")
    (folder / "setup.py").write_text("")
    commit(repository)
    comment = tmp_path / "comment.md"
    assert check(repository, "--comment", comment) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "Submissions changed: 1. Problems: 2."
    assert all(line.startswith("FAIL  submissions/mine/") for line in lines[:-1])
    assert fault_of(comment.read_bytes()) == ""


def test_what_is_not_committed_is_said_to_be_left_out(repository, capsys):
    make(repository / "submissions", "mine")
    assert check(repository, "--no-run") == 0
    captured = capsys.readouterr()
    assert "not committed" in captured.err
    assert captured.out == "Submissions changed: 0. Problems: 0.\n"


def test_an_unknown_base_is_explained(repository, capsys):
    assert check(repository, "--base", "nowhere") == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_plugin_that_suite_check_refuses_is_refused_with_its_words(tmp_path):
    assert submissions.failure_of(tmp_path / "absent", 32).startswith("suite check says: ")


def test_a_plugin_that_takes_too_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "CONTRACT_TIMEOUT_S", 0.01)
    assert "more than 0.01 s" in submissions.failure_of(tmp_path, 32)


def listed(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(["submissions", "list", *map(str, words)])
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_submissions_are_listed_with_their_badges(tmp_path, capsys):
    for name in ("mine", "theirs", "hers"):
        make(tmp_path, name, measured=results(ref("model", name, digest="a")))
    verification(tmp_path / "mine", author="Ada")
    verification(tmp_path / "theirs", differing=3)
    verification(tmp_path / "hers", version="0", plugin_digest="sha256:" + "0" * 64)
    rows = json.loads(listed(capsys, "--submissions", tmp_path, "--json"))
    assert [(row["submission"]["name"], row["verification"] and row["verification"]["differing"]) for row in rows] == [
        ("hers", None),
        ("mine", 0),
        ("theirs", 3),
    ]
    shown = " ".join(listed(capsys, "--submissions", tmp_path).split())
    assert "not verified" in shown
    assert "verified: 26 predictions made again, 2026-11-21, by Ada" in shown
    assert "3 of 26 predictions made again differ" in shown
