"""A change in a real git repository: what the rules get to see of it, whatever lies in the tree."""

import os
import subprocess

import pytest

from suite.errors import UsageError
from suite.submission import changes
from suite.submission.gate import RULES
from tests.submission.gate.folders import MANIFESTS, make, verification


@pytest.fixture
def repository(tmp_path):
    """Give a repository whose branch `main` has one submission, on a branch that has nothing new yet."""
    root = tmp_path / "repository"
    (root / "submissions").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "submissions" / "README.md").write_text("rules")
    (root / "README.md").write_text("suite")
    make(root / "submissions", "published")
    commit(root)
    git(root, "switch", "-q", "-c", "mine")
    return root


def git(root, *words, **options):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True, **options
    ).stdout


def commit(root):
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "change")


def judged(root, tmp_path, base="main", head="HEAD", contract=lambda folder: ""):
    change = changes.materialised(root, base, head, tmp_path / "out")
    return change, changes.judged(change, manifests=MANIFESTS, contract=contract)


def test_a_submission_in_a_commit_passes_and_is_tried(repository, tmp_path):
    make(repository / "submissions", "mine")
    commit(repository)
    tried = []
    change, problems = judged(repository, tmp_path, contract=lambda folder: tried.append(folder) or "")
    assert problems == ()
    assert change.submissions() == ["mine"]
    assert tried == [tmp_path / "out" / "after" / "mine"]
    assert change.results()["mine"].plugin.name == "mine"


def test_a_plugin_that_fails_its_contract_is_named(repository, tmp_path):
    make(repository / "submissions", "mine")
    commit(repository)
    _, problems = judged(repository, tmp_path, contract=lambda folder: "it gives NaN")
    assert [(problem.rule, problem.path) for problem in problems] == [("contract", "submissions/mine")]


def test_what_breaks_a_rule_is_never_tried(repository, tmp_path):
    (make(repository / "submissions", "mine") / "more.py").write_text("")
    commit(repository)
    _, problems = judged(repository, tmp_path, contract=lambda folder: pytest.fail("it was run"))
    assert {problem.rule for problem in problems} == {"files"}


def test_what_main_has_gained_since_is_not_of_the_change(repository, tmp_path):
    make(repository / "submissions", "mine")
    commit(repository)
    git(repository, "switch", "-q", "main")
    (repository / "CHANGELOG.md").write_text("more")
    make(repository / "submissions", "theirs")
    commit(repository)
    change, problems = judged(repository, tmp_path, base="main", head="mine")
    assert (problems, change.submissions()) == ((), ["mine"])


def test_a_change_to_the_suite_comes_apart(repository, tmp_path):
    make(repository / "submissions", "mine")
    (repository / "README.md").write_text("mine is best")
    commit(repository)
    _, problems = judged(repository, tmp_path)
    assert [(problem.rule, problem.path) for problem in problems] == [("outside", "README.md")]


def test_other_changes_are_no_business_of_the_gate(repository, tmp_path):
    (repository / "README.md").write_text("better")
    commit(repository)
    change, problems = judged(repository, tmp_path)
    assert (problems, change.submissions()) == ((), [])


def test_a_badge_in_a_commit_of_its_own_passes_and_one_beside_a_new_submission_does_not(repository, tmp_path):
    verification(repository / "submissions" / "published")
    commit(repository)
    change, problems = judged(repository, tmp_path)
    assert (problems, change.submissions()) == ((), ["published"])
    make(repository / "submissions", "mine")
    commit(repository)
    _, problems = judged(repository, tmp_path / "again")
    assert [(problem.rule, problem.path) for problem in problems] == [
        ("verifications", "submissions/published/verifications.toml")
    ]


def test_attributes_neither_hide_nor_change_a_file(repository, tmp_path):
    folder = make(repository / "submissions", "mine")
    (folder / ".gitattributes").write_text("setup.py export-ignore\nREADME.md export-subst\n")
    (folder / "setup.py").write_text("import os")
    (folder / "README.md").write_text("$Format:%H$")
    commit(repository)
    change, problems = judged(repository, tmp_path)
    assert {(problem.rule, problem.path) for problem in problems} == {
        ("name", "submissions/mine/.gitattributes"),
        ("files", "submissions/mine/setup.py"),
    }
    assert (change.after / "mine" / "README.md").read_text() == "$Format:%H$"


def test_a_link_is_named_and_not_made(repository, tmp_path):
    folder = make(repository / "submissions", "mine")
    (folder / "weights").symlink_to("/etc")
    commit(repository)
    change, problems = judged(repository, tmp_path)
    assert {(problem.rule, problem.path) for problem in problems} == {("regular", "submissions/mine/weights")}
    assert not os.path.lexists(change.after / "mine" / "weights")


def test_a_submodule_is_named(repository, tmp_path):
    make(repository / "submissions", "mine")
    commit(repository)
    head = git(repository, "rev-parse", "HEAD").strip()
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{head},submissions/mine/sub")
    git(repository, "commit", "-q", "-m", "submodule")
    _, problems = judged(repository, tmp_path)
    assert {(problem.rule, problem.path) for problem in problems} == {("regular", "submissions/mine/sub")}


def test_an_executable_file_is_named(repository, tmp_path):
    (make(repository / "submissions", "mine") / "plugin.py").chmod(0o755)
    commit(repository)
    _, problems = judged(repository, tmp_path)
    assert {problem.rule for problem in problems} == {"executable"}


def test_a_large_file_is_named_and_not_written(repository, tmp_path):
    folder = make(repository / "submissions", "mine")
    (folder / "weights.bin").write_bytes(bytes(1_000_001))
    commit(repository)
    change, problems = judged(repository, tmp_path)
    assert {(problem.rule, problem.path) for problem in problems} == {("size", "submissions/mine/weights.bin")}
    assert not (change.after / "mine" / "weights.bin").exists()


def test_a_tree_that_no_checkout_would_make_writes_nothing_elsewhere(repository, tmp_path):
    """Build by hand a tree with an entry '..', which `git add` refuses."""
    blob = git(repository, "hash-object", "-w", "--stdin", input="evil").strip()
    inner = raw_tree(repository, ("100644", "x", blob))
    mine = raw_tree(repository, ("40000", "..", inner))
    submissions = raw_tree(repository, ("40000", "mine", mine))
    top = raw_tree(repository, ("40000", "submissions", submissions))
    head = git(repository, "commit-tree", top, "-p", "main", "-m", "evil").strip()
    _, problems = judged(repository, tmp_path, head=head)
    assert ("name", "submissions/mine/../x") in {(problem.rule, problem.path) for problem in problems}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["after", "before"]
    assert not list((tmp_path / "out").rglob("x"))


def raw_tree(root, *entries):
    data = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(sha) for mode, name, sha in entries)
    command = ["git", "hash-object", "-t", "tree", "--literally", "-w", "--stdin"]
    return subprocess.run(command, cwd=root, input=data, check=True, capture_output=True).stdout.decode().strip()


def test_the_merge_that_a_pull_requests_check_clones_is_enough(repository, tmp_path):
    """Look at HEAD^1 and HEAD of a clone of depth 2, as submission.yml does."""
    make(repository / "submissions", "mine")
    commit(repository)
    git(repository, "switch", "-q", "main")
    make(repository / "submissions", "theirs")
    commit(repository)
    git(repository, "merge", "-q", "--no-ff", "-m", "merge", "mine")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "2", repository.as_uri(), str(shallow))
    change, problems = judged(shallow, tmp_path, base="HEAD^1")
    assert (problems, change.submissions()) == ((), ["mine"])


def test_a_revision_that_is_not_there_is_explained(repository, tmp_path):
    with pytest.raises(UsageError, match="'nowhere"):
        changes.materialised(repository, "nowhere", "HEAD", tmp_path / "out")
    with pytest.raises(UsageError, match="--upload-pack"):
        changes.materialised(repository, "main", "--upload-pack=x", tmp_path / "out")


def test_without_main_a_base_is_asked_for(repository, tmp_path):
    git(repository, "branch", "-m", "main", "trunk")
    with pytest.raises(UsageError, match="--base REV"):
        changes.materialised(repository, None, "HEAD", tmp_path / "out")


def test_what_is_not_committed_is_known(repository):
    assert not changes.uncommitted(repository)
    make(repository / "submissions", "mine")
    assert changes.uncommitted(repository)


def test_the_rules_of_git_are_among_the_rules():
    assert {"outside", "contract"} <= RULES.keys()
