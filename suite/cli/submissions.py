"""`suite submissions`: those there are with their badges, and whether a change to them keeps the rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from suite.cli.options import JsonOption, SubmissionsOption
from suite.cli.tables import show_table

if TYPE_CHECKING:
    from suite.submission.gate import Manifests

app = typer.Typer(help="Contributed entries: which there are, and whether they keep the rules.", no_args_is_help=True)

CONTRACT_TIMEOUT_S = 1800
LAST_LINES = 5


@app.callback()
def submissions() -> None:
    """Contributed entries: which there are, and whether they keep the rules."""


@app.command("list")
def list_(
    submissions: SubmissionsOption = Path("submissions"),
    json: JsonOption = False,
) -> None:
    """List the submissions of a folder, each with its badge: who made its predictions again, and what came of it."""
    from suite.spec import to_json
    from suite.submission import badge
    from suite.submission.verify import read_submission

    found = [(read_submission(folder), badge.badge_of(folder)) for folder in badge.folders_in(submissions)]
    if json:
        typer.echo(to_json([{"submission": said, "verification": made} for said, made in found]))
        return
    rows = [
        (said.name, said.version, said.kind, said.protocol, said.made, str(made or "not verified"))
        for said, made in found
    ]
    show_table("Submissions", ("name", "version", "kind", "protocol", "made", "verification"), rows)


@app.command()
def check(
    base: Annotated[str | None, typer.Option("--base", help="What to compare with; else origin/main or main.")] = None,
    head: Annotated[str, typer.Option("--head", help="The commit to look at.")] = "HEAD",
    repository: Annotated[Path, typer.Option("--repository", help="Where both are.")] = Path(),
    comment: Annotated[Path | None, typer.Option("--comment", help="Write the tables, as Markdown, here.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Samples that each plugin is tried on.")] = 32,
    run: Annotated[bool, typer.Option("--run/--no-run", help="Whether to try the plugins in the sandbox.")] = True,
) -> None:
    """Check what a commit changes below submissions/: every rule, then each plugin's contract in the sandbox."""
    from suite.submission import changes
    from suite.submission.table import comment_of

    if changes.uncommitted(repository):
        typer.echo("submissions/ has changes that are not committed; they are not looked at.", err=True)
    with TemporaryDirectory(prefix="suite-submissions-") as directory:
        change = changes.materialised(repository, base, head, Path(directory))
        problems = changes.judged(
            change,
            manifests=manifests(),
            contract=lambda folder: failure_of(folder, limit) if run else "",
        )
        if comment:
            comment.write_text(comment_of(problems, change.results()), encoding="ascii")
        names = change.submissions()
    for problem in problems:
        typer.echo(f"FAIL  {problem}")
    typer.echo(f"Submissions changed: {len(names)}. Problems: {len(problems)}.")
    if problems:
        raise typer.Exit(1)


def manifests() -> Manifests:
    """Return what reads the metadata of plugins."""
    from suite.submission import manifest

    return manifest


def failure_of(folder: Path, limit: int) -> str:
    """Return why a submission's plugin fails its contract, empty where it passes: `suite check` in a process."""
    command = [sys.executable, "-m", "suite.cli.main", "check", str(folder), "--limit", str(limit)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=CONTRACT_TIMEOUT_S)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"It took more than {CONTRACT_TIMEOUT_S} s. Make it faster, or ask a maintainer."
    if done.returncode == 0:
        return ""
    said = (done.stdout + b"\n" + done.stderr).decode(errors="replace").strip().splitlines()
    return f"suite check says: {' / '.join(said[-LAST_LINES:])}"
