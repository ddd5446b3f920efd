"""The rules that a change under `submissions/` keeps, as pure functions over two directories: before, and after.

Nothing of the directory after is trusted: it is never imported, no link in it is followed, and sizes are looked at
before a byte is read. `problem` lists the rules, `tree` reads, `version` opens one folder, the others judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from suite.submission.gate.agreement import (
    problems_of_agreement,
    problems_of_errata,
    problems_of_protocol,
    problems_of_submission,
    problems_of_verifications,
)
from suite.submission.gate.history import (
    current,
    problems_of_added,
    problems_of_company,
    problems_of_moves,
    problems_of_names,
    problems_of_older,
    problems_of_removed,
    problems_of_taken_back,
    problems_of_version,
)
from suite.submission.gate.problem import RULES, Problem
from suite.submission.gate.recomputed import problems_of_plan
from suite.submission.gate.tree import SAFE, Tree, below, tree_of
from suite.submission.gate.version import Manifests, Version, opened, problems_of_weights, unexpected

__all__ = ["RULES", "Manifests", "Problem", "Version", "changed", "examined", "opened", "problems_of", "tree_of"]

TEMPLATE, TOP_README = "TEMPLATE", "README.md"
RESERVED = (TOP_README, TEMPLATE)


def examined(before: Path, after: Path, *, manifests: Manifests) -> tuple[Problem, ...]:
    """Return everything that stands against a change of `submissions/` from the directory ``before`` to ``after``.

    A change of README.md or TEMPLATE/ alone is a maintainer's, and nothing here is said of it.
    """
    old, new = tree_of(before), tree_of(after)
    names = changed(old, new)
    problems = [*problems_of_root(old, new, names), *problems_of_names(new, names)]
    problems += [*problems_of_removed(folders(old), folders(new)), *problems_of_company(old, new)]
    for name in names:
        problems += problems_of(name, before, after, trees=(old, new), manifests=manifests)
    order = list(RULES)
    return tuple(sorted(set(problems), key=lambda problem: (problem.path, order.index(problem.rule), problem.message)))


def folders(tree: Tree) -> dict[str, Tree]:
    """Return the files of each submission."""
    names = dict.fromkeys(path.split("/")[0] for path in tree if "/" in path)
    return {name: below(tree, name) for name in names if name != TEMPLATE}


def changed(before: Tree, after: Tree) -> list[str]:
    """Return the names of the submissions that were added or altered."""
    old = folders(before)
    return [name for name, files in folders(after).items() if old.get(name) != files]


def problems_of_root(before: Tree, after: Tree, names: list[str]) -> Iterator[Problem]:
    """Yield what a change must not do beside the submissions' own folders."""
    for path in sorted(before.keys() | after.keys()):
        top = path.split("/")[0]
        if before.get(path) == after.get(path):
            continue
        if path in after and after[path].kind != "file" and (top in RESERVED or "/" not in path):
            yield Problem(f"submissions/{path}", "regular", "This is no regular file. Remove it.")
        elif top in RESERVED and names:
            yield Problem(f"submissions/{path}", "reserved", "Leave this to a change of its own, without submissions.")
        elif "/" not in path and path not in RESERVED:
            yield Problem(f"submissions/{path}", "files", "A submission is a folder. Remove this, or put it into one.")


def problems_of(
    name: str, before: Path, after: Path, *, trees: tuple[Tree, Tree], manifests: Manifests
) -> Iterator[Problem]:
    """Yield everything that stands against one submission, added or altered."""
    where = f"submissions/{name}"
    if not SAFE.fullmatch(name) or len(name) > 64:
        yield Problem(where, "name", "Rename it with at most 64 letters, digits, '.', '_' and '-'.")
        return
    old, new = (below(tree, name) for tree in trees)
    version = opened(after / name, where, files=current(new), manifests=manifests)
    published = opened(before / name, where, files=current(old), manifests=manifests) if old else None
    if isinstance(version, list):
        yield from version
        return
    yield from problems_of_folder(version)
    if isinstance(published, list):
        yield Problem(where, "older", f"What is published cannot be read: {published[0]}. Ask a maintainer.")
        return
    retired = None
    if published:
        yield from problems_since(published, version, manifests)
        retired = published.manifest.version if published.manifest.version != version.manifest.version else None
    yield from problems_of_older(name, old, new, retired=retired)


def problems_of_folder(version: Version) -> Iterator[Problem]:
    """Yield what is wrong with a version by itself."""
    yield from unexpected(version)
    yield from problems_of_weights(version)
    yield from problems_of_agreement(version)
    yield from problems_of_submission(version)
    yield from problems_of_errata(version)
    yield from problems_of_verifications(version)
    wrong = [*problems_of_protocol(version)]
    yield from wrong
    if not wrong:
        yield from problems_of_plan(version)


def problems_since(before: Version, after: Version, manifests: Manifests) -> Iterator[Problem]:
    """Yield what a change must not do to the version that is published."""
    yield from problems_of_version(before, after, manifests)
    yield from problems_of_taken_back(before, after)
    yield from problems_of_added(before, after)
    if before.manifest.version == after.manifest.version:
        yield from problems_of_moves(before, after)
