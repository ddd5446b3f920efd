"""What may be added to `verifications.toml`, and how: alone, at the end, of what is published."""

import shutil

import pytest

from tests.submission.gate.folders import erratum, make, verification
from tests.submission.gate.test_rules import moved_row, problems, raised, rules, write

OTHER = "sha256:" + "9" * 64


def added_text(after, text):
    """Verify what is published, and add something more to the entry."""
    verification(after / "published")
    file = after / "published" / "verifications.toml"
    file.write_text(file.read_text() + text)


def with_erratum(folder):
    """Verify what is published, and withdraw a row of it."""
    erratum(folder, "x")
    verification(folder)


BREAKS = [
    ("with new results", "of nothing else", lambda b, a: (moved_row(a, 0.0009), verification(a / "published"))),
    (
        "with an erratum",
        "of nothing else",
        lambda b, a: with_erratum(a / "published"),
    ),
    ("no TOML", "cannot be read", lambda b, a: write(a / "published" / "verifications.toml", "schema")),
    ("an unknown key", "unknown field `prize`", lambda b, a: added_text(a, "prize = 1\n")),
    ("another submission", "it is of 'other'", lambda b, a: verification(a / "published", name="other")),
    ("another version", "of other files", lambda b, a: verification(a / "published", version="2")),
    (
        "another plugin",
        "of other files",
        lambda b, a: verification(a / "published", plugin_digest=OTHER),
    ),
    (
        "another protocol",
        "of other files",
        lambda b, a: verification(a / "published", protocol_digest=OTHER),
    ),
    (
        "other predictions",
        "of other files",
        lambda b, a: verification(a / "published", predictions_sha256=OTHER[7:]),
    ),
    ("a trial", "of other files", lambda b, a: verification(a / "published", limit=12)),
    ("nobody", "'author' is empty", lambda b, a: verification(a / "published", author=" ")),
    ("no day", "'21.11.2026' is no day", lambda b, a: verification(a / "published", date="21.11.2026")),
    ("more than all", "share is not in (0, 1]", lambda b, a: verification(a / "published", share=1.5)),
    ("more different than made", "counts of predictions", lambda b, a: verification(a / "published", differing=27)),
    ("too long", "More than 65,536 bytes", lambda b, a: added_text(a, "#" * 70_000)),
]


@pytest.mark.parametrize(("what", "said", "change"), BREAKS, ids=[what for what, _, _ in BREAKS])
def test_a_badge_that_breaks_the_rule_is_told_how(trees, what, said, change):
    change(*trees)
    found = problems(trees)
    assert {problem.rule for problem in found} == {"verifications"}
    assert any(said in problem.message for problem in found)


def test_a_badge_comes_alone_and_several_may_come_together(trees):
    for root in trees:
        make(root)
    for name in ("published", "mine"):
        verification(trees[1] / name, differing=3)
        verification(trees[1] / name, date="2026-11-22")
    assert problems(trees) == ()


def test_a_published_verification_is_neither_changed_nor_taken_back(trees):
    for root in trees:
        verification(root / "published", differing=3)
    assert problems(trees) == ()
    file = trees[1] / "published" / "verifications.toml"
    for change in (
        lambda text: text.replace("differing = 3", "differing = 0"),
        lambda text: text[: text.index("[[")],
    ):
        whole = file.read_text()
        file.write_text(change(whole))
        assert rules(trees) == {"verifications"}
        file.write_text(whole)
    file.unlink()
    assert rules(trees) == {"verifications"}


def test_a_new_version_keeps_the_verifications_of_the_one_before(trees):
    before, _ = trees
    verification(before / "published")
    folder = raised(trees)
    assert rules(trees) == {"verifications"}
    shutil.copy(before / "published" / "verifications.toml", folder)
    assert problems(trees) == ()
    verification(folder)
    assert rules(trees) == {"verifications"}
