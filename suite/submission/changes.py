"""A change in git as two directories that the rules can be asked about. Nothing of the change is checked out or run.

Files are read as git's objects, so that neither attributes, links nor filters of a stranger's tree have any effect.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import IO, NamedTuple, cast

from suite.errors import UsageError
from suite.submission.gate import Manifests, Problem, changed, examined, tree_of
from suite.submission.gate.tree import MOST_BYTES, MOST_FILES, is_safe
from suite.submission.gate.version import record
from suite.submission.records import RESULTS, Results

SUBMISSIONS = "submissions"
REGULAR, EXECUTABLE = "100644", "100755"
BASES = ("origin/main", "main")


class Blob(NamedTuple):
    """What git keeps at a path: its mode, its object and its size in bytes (0 for a submodule)."""

    mode: str
    sha: str
    size: int


class Change(NamedTuple):
    """Where a change can be read: both versions of ``submissions/``, and what could not be written there."""

    before: Path
    after: Path
    problems: tuple[Problem, ...]

    def submissions(self) -> list[str]:
        """Return the names of the submissions that were added or altered."""
        return changed(tree_of(self.before), tree_of(self.after))

    def results(self) -> dict[str, Results | None]:
        """Return the results of every such submission, None where they cannot be read."""
        found = {name: record(self.after / name / RESULTS, name, Results, "results") for name in self.submissions()}
        return {name: results if isinstance(results, Results) else None for name, results in found.items()}


def judged(change: Change, *, manifests: Manifests, contract: Callable[[Path], str]) -> tuple[Problem, ...]:
    """Return everything that stands against a change; ``contract`` says why a folder's plugin fails, or nothing.

    Only what keeps every other rule is run.
    """
    problems = (*change.problems, *examined(change.before, change.after, manifests=manifests))
    if problems:
        return problems
    reasons = {name: contract(change.after / name) for name in change.submissions()}
    return tuple(Problem(f"{SUBMISSIONS}/{name}", "contract", reason) for name, reason in reasons.items() if reason)


def materialised(repository: Path, base: str | None, head: str, target: Path) -> Change:
    """Write both versions of ``submissions/`` below ``target``: that of ``head`` and that where it left ``base``.

    Raises UsageError for a revision that is not there, or for two without a common ancestor.
    """
    end = commit_of(repository, head)
    start = git(repository, "merge-base", commit_of(repository, base or default_base(repository)), end).decode().strip()
    before, after = blobs(repository, start), blobs(repository, end)
    problems = [*outside(repository, start, end)]
    for name, tree in (("before", before), ("after", after)):
        (target / name).mkdir(parents=True)
        write(repository, tree, target / name)
    problems += [each for path, blob in after.items() if before.get(path) != blob for each in unwritable(path, blob)]
    return Change(target / "before", target / "after", tuple(problems))


def blobs(repository: Path, commit: str) -> dict[str, Blob]:
    """Return path below ``submissions/`` -> what git keeps there. Raises UsageError for too many files."""
    listed = git(repository, "ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", f"{SUBMISSIONS}/")
    found = {}
    for item in listed.split(b"\0")[:-1]:
        described, _, path = item.partition(b"\t")
        mode, _, sha, size = described.decode().split()
        found[os.fsdecode(path).removeprefix(f"{SUBMISSIONS}/")] = Blob(mode, sha, 0 if size == "-" else int(size))
    if len(found) > MOST_FILES:
        raise UsageError(
            f"{commit} has more than {MOST_FILES:,} files below {SUBMISSIONS}/. Remove what belongs nowhere."
        )
    return found


def unwritable(path: str, blob: Blob) -> Iterator[Problem]:
    """Yield why what git keeps is not written to a disk."""
    where = f"{SUBMISSIONS}/{path}"
    if not is_safe(path):
        yield Problem(where, "name", "Rename it with letters, digits, '.', '_', '+' and '-'.")
    if blob.mode not in (REGULAR, EXECUTABLE):
        yield Problem(where, "regular", "This is a link or a submodule. Put the file itself here.")
    if blob.size > MOST_BYTES:
        yield Problem(where, "size", f"{blob.size:,} bytes, but {MOST_BYTES:,} are allowed. Give weights by 'url'.")


def outside(repository: Path, base: str, head: str) -> Iterator[Problem]:
    """Yield the other files that a change to submissions changes."""
    listed = git(repository, "diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", base, head)
    paths = [os.fsdecode(path) for path in listed.split(b"\0")[:-1]]
    reserved = (f"{SUBMISSIONS}/README.md", f"{SUBMISSIONS}/TEMPLATE/")
    if any(path.startswith(f"{SUBMISSIONS}/") and not path.startswith(reserved) for path in paths):
        for path in paths:
            if not path.startswith(f"{SUBMISSIONS}/"):
                yield Problem(path, "outside", "Leave this to a change of its own, without submissions.")


def write(repository: Path, tree: dict[str, Blob], target: Path) -> None:
    """Write what can be written of a tree, byte for byte."""
    chosen = {path: blob for path, blob in tree.items() if not [*unwritable(path, blob)]}
    contents = objects(repository, [blob.sha for blob in chosen.values()])
    for (path, blob), data in zip(chosen.items(), contents, strict=True):
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(0o755 if blob.mode == EXECUTABLE else 0o644)


def objects(repository: Path, shas: Iterable[str]) -> Iterator[bytes]:
    """Yield the content of git's objects, one at a time, from one process."""
    command = ["git", "-C", str(repository), "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, env=environment()) as process:  # noqa: S603
        asked, answered = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        for sha in shas:
            asked.write(f"{sha}\n".encode())
            asked.flush()
            _, _, size = answered.readline().split()
            yield answered.read(int(size) + 1)[:-1]


def default_base(repository: Path) -> str:
    """Return the first of `BASES` that there is. Raises UsageError."""
    for name in BASES:
        try:
            return commit_of(repository, name)
        except UsageError:
            continue
    raise UsageError(f"There is neither {' nor '.join(BASES)} in {repository}. Name what to compare with: --base REV")


def commit_of(repository: Path, revision: str) -> str:
    """Return the commit that a revision names. Raises UsageError."""
    return (
        git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        .decode()
        .strip()
    )


def uncommitted(repository: Path) -> bool:
    """Whether ``submissions/`` has changes that no commit has."""
    return bool(git(repository, "status", "--porcelain", "-z", "--", SUBMISSIONS))


def git(repository: Path, *words: str) -> bytes:
    """Return what git prints. Raises UsageError with its reason."""
    command = ["git", "-C", str(repository), *words]
    done = subprocess.run(command, capture_output=True, check=False, env=environment())  # noqa: S603 - no shell
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip() or f"'{words[-1]}' is not there"
        raise UsageError(f"git {words[0]} failed in {repository}: {reason}. Is it a repository that has that revision?")
    return done.stdout


def environment() -> dict[str, str]:
    """Return the environment that git reads objects in: as they are, and without asking anybody."""
    return os.environ | {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
