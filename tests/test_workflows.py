"""The workflows: what a linter says of them, and that no stranger's code meets a secret or a token that can write."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = {path.name: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
ZIZMOR = Path(sys.executable).with_name("zizmor")
STRANGERS = ("ci.yml", "submission.yml")
"""Those that run what a pull request brings."""

named = pytest.mark.parametrize("name", WORKFLOWS)


def read(name):
    """Return a workflow; YAML takes its key `on` for a truth value."""
    found = yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))
    return found | {"on": found.pop(True)}


def steps(name):
    return [step for job in read(name)["jobs"].values() for step in job["steps"]]


def lint(directory):
    command = [str(ZIZMOR), "--offline", "--no-progress", "--no-config", "--persona=pedantic", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_workflows_are_these():
    assert list(WORKFLOWS) == ["ci.yml", "evaluate.yml", "submission-comment.yml", "submission.yml"]


def test_the_linter_finds_nothing():
    done = lint(ROOT / ".github" / "workflows")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        ("submission.yml", "permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("submission.yml", "          persist-credentials: false\n", "", "artipacked"),
        ("submission.yml", "  pull_request:", "  pull_request_target:", "dangerous-triggers"),
        ("evaluate.yml", '[[ "$PROTOCOL"', '[[ "${{ inputs.protocol }}"', "template-injection"),
        ("submission-comment.yml", "# zizmor: ignore[dangerous-triggers]", "#", "dangerous-triggers"),
        ("ci.yml", "@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7", "unpinned-uses"),
    ],
)
def test_the_linter_finds_what_it_is_for(tmp_path, name, old, new, finding):
    directory = tmp_path / ".github" / "workflows"
    shutil.copytree(ROOT / ".github" / "workflows", directory)
    text = (directory / name).read_text(encoding="utf-8")
    assert old in text
    (directory / name).write_text(text.replace(old, new), encoding="utf-8")
    done = lint(directory)
    assert done.returncode != 0
    assert finding in done.stdout


@named
def test_nothing_is_allowed_but_what_a_job_asks_for(name):
    workflow = read(name)
    assert workflow["permissions"] == {}
    asked = {key: value for job in workflow["jobs"].values() for key, value in job.get("permissions", {}).items()}
    more = {"actions": "read", "pull-requests": "write"} if name == "submission-comment.yml" else {}
    assert asked == {"contents": "read"} | more


@named
def test_every_job_ends(name):
    assert all("timeout-minutes" in job for job in read(name)["jobs"].values())


@named
def test_no_checkout_leaves_a_token_behind(name):
    checkouts = [step for step in steps(name) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@named
def test_no_expression_is_pasted_into_a_script(name):
    assert [step["run"] for step in steps(name) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", STRANGERS)
def test_what_a_pull_request_brings_meets_no_secret(name):
    assert not re.search(r"\bsecrets\b|github\.token|GITHUB_TOKEN", WORKFLOWS[name].read_text(encoding="utf-8"))
    assert read(name)["on"].keys() <= {"push", "pull_request", "workflow_dispatch"}


def test_submissions_are_checked_by_the_rules_of_the_base():
    assert read("submission.yml")["on"] == {"pull_request": {"paths": ["submissions/**"]}}
    base, proposed = (step["with"] for step in steps("submission.yml") if "checkout" in step.get("uses", ""))
    assert (base["path"], base["ref"]) == ("base", "${{ github.event.pull_request.base.sha }}")
    assert (proposed["path"], proposed["fetch-depth"]) == ("proposed", 2)
    scripts = [step for step in steps("submission.yml") if "make" in step.get("run", "")]
    assert [step["working-directory"] for step in scripts] == ["base"]


def test_the_comment_comes_from_the_default_branch_and_checks_before_it_posts():
    assert list(read("submission-comment.yml")["on"]) == ["workflow_run"]
    checkouts = [step["with"]["ref"] for step in steps("submission-comment.yml") if "uses" in step]
    assert checkouts == ["${{ github.event.repository.default_branch }}"]
    scripts = [step["run"] for step in steps("submission-comment.yml") if "run" in step]
    assert [("markdown" in text, "--method P" in text) for text in scripts] == [
        (False, False),
        (True, False),
        (False, True),
    ]


def test_the_comment_is_of_the_run_that_uploads_it():
    upload = next(step for step in steps("submission.yml") if "upload-artifact" in step.get("uses", ""))
    assert read("submission-comment.yml")["on"]["workflow_run"]["workflows"] == [read("submission.yml")["name"]]
    assert f"name={upload['with']['name']}" in steps("submission-comment.yml")[1]["run"]


@named
def test_every_script_is_a_script(name):
    for script in (step["run"] for step in steps(name) if "run" in step):
        assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0, script


GH = """#!/bin/sh
echo "$*" >> calls
case "$*" in
  *"/pulls "*) printf "%s" "$NUMBER" ;;
  *"--paginate"*) printf "%s" "$IDS" ;;
esac
"""
"""Stands in for GitHub's command: notes what it is asked, and answers with the numbers that the test gives it."""


@pytest.mark.parametrize(
    ("number", "ids", "last"),
    [
        ("7\n", "", "api --method POST repos/a/b/issues/7/comments --field body=@comment.md --silent"),
        ("7\n", "31\n32\n", "api --method PATCH repos/a/b/issues/comments/31 --field body=@comment.md --silent"),
        ("", "", "api --method GET repos/a/b/pulls --raw-field state=open --raw-field head=x:$(touch hacked)"),
    ],
)
def test_one_comment_is_posted_or_replaced_and_none_without_a_pull_request(tmp_path, number, ids, last):
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "comment.md").write_text("<!-- marker -->\ntable\n")
    given = {"REPOSITORY": "a/b", "HEAD": "x:$(touch hacked)", "HEAD_SHA": "0", "NUMBER": number, "IDS": ids}
    environment = given | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = steps("submission-comment.yml")[-1]["run"]
    subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / "calls").read_text().splitlines()[-1].startswith(last)
    assert not (tmp_path / "hacked").exists()


def test_an_evaluation_is_a_maintainers_in_a_protected_environment():
    workflow = read("evaluate.yml")
    assert list(workflow["on"]) == ["workflow_dispatch"]
    job = workflow["jobs"]["evaluate"]
    assert job["environment"] == "evaluation"
    assert "gpu" in job["runs-on"]


def test_an_evaluation_verifies_what_it_measured_and_keeps_it_whatever_came_of_it():
    *_, measure, verify, keep = steps("evaluate.yml")
    assert "suite submit" in measure["run"]
    assert verify["run"].endswith('suite verify "submissions/$SUBMISSION" --sample 0.05 --author "$GITHUB_ACTOR"')
    assert keep["if"] == f"${{{{ !cancelled() && steps.{measure['id']}.outcome == 'success' }}}}"
    assert keep["with"]["path"].startswith("suite/submissions/")


@pytest.mark.parametrize(
    ("values", "passes"),
    [
        (("mine", "a" * 40, "pv-cells@1"), True),
        (("../mine", "a" * 40, "pv-cells@1"), False),
        (("", "a" * 40, "pv-cells@1"), False),
        (("mine\nx", "a" * 40, "pv-cells@1"), False),
        (("mine", "main", "pv-cells@1"), False),
        (("mine", "a" * 40, "$(id)"), False),
    ],
)
def test_an_evaluation_refuses_odd_inputs(values, passes):
    script = steps("evaluate.yml")[0]["run"]
    environment = dict(zip(("SUBMISSION", "COMMIT", "PROTOCOL"), values, strict=True))
    done = subprocess.run(["bash", "-e", "-c", script], env=environment, check=False, capture_output=True)
    assert (done.returncode == 0) == passes


def test_the_pull_requests_check_is_the_one_at_home():
    shown = subprocess.run(
        ["make", "-n", "-o", ".venv/.installed-dev", "check-submissions", "BASE=HEAD^1"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "suite submissions check --repository '.'" in shown.stdout
    assert "--base 'HEAD^1'" in shown.stdout
