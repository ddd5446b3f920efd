"""The branch, the commit and the pull request of a submission, with git and GitHub's own program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from suite.errors import UsageError
from suite.submission.manifest import Manifest


def opened(folder: Path, manifest: Manifest) -> str:
    """Commit a submission's folder on a branch of its own, and ask for its adoption where ``gh`` is logged in.

    Returns what was done and what is left to do. Nothing else that lies in the working tree is committed. Raises
    UsageError outside a repository, or where git refuses.
    """
    branch = f"submission/{manifest.name}-{manifest.version}"
    title = f"Submission: {manifest.name} {manifest.version}"
    git(folder.parent, "switch", "--quiet", "--create", branch)
    git(folder.parent, "add", "--", str(folder.resolve()))
    git(folder.parent, "commit", "--quiet", "--message", title, "--", str(folder.resolve()))
    if not shutil.which("gh") or ran(["gh", "auth", "status"], folder.parent).returncode:
        return f"Committed on {branch}. Next: push it and open a pull request (gh is not here, or not logged in)."
    git(folder.parent, "push", "--quiet", "--set-upstream", "origin", branch)
    body = (folder / "README.md").read_text(encoding="utf-8")
    done = ran(["gh", "pr", "create", "--title", title, "--body", body], folder.parent)
    if done.returncode:
        raise UsageError(f"gh did not open the pull request: {done.stderr.strip()[-300:]}. {branch} is pushed.")
    return f"Pull request: {done.stdout.strip()}"


def git(where: Path, *arguments: str) -> None:
    """Run git. Raises UsageError with what it says."""
    done = ran(["git", *arguments], where)
    if done.returncode:
        raise UsageError(f"git {arguments[0]} failed: {done.stderr.strip()[-300:]}")


def ran(command: list[str], where: Path) -> subprocess.CompletedProcess[str]:
    """Run a program and return how it ended."""
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)  # noqa: S603 - git or gh
