"""`suite verify`: some of a submission's predictions again, and what came of it written down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import (
    DEFAULT_DATABASE,
    CurrentOption,
    DatabaseOption,
    DatasetOption,
    DeviceOption,
    TrustOption,
)
from suite.cli.progress import shown
from suite.heap import keep_freed_memory


def verify(
    submission: Annotated[Path, typer.Argument(help="A submission's folder.")],
    sample: Annotated[float, typer.Option("--sample", help="The share of the samples to look at again.")] = 0.05,
    author: Annotated[
        str | None, typer.Option("--author", help="Who verifies; boards show it. Git's user name where not given.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only, record nothing.")] = False,
    predictions: Annotated[Path | None, typer.Option("--predictions", help="The contributor's file of them.")] = None,
    data: DatasetOption = None,
    device: DeviceOption = "auto",
    database: DatabaseOption = DEFAULT_DATABASE,
    trust: TrustOption = False,
    current_environment: CurrentOption = False,
) -> None:
    """Make a random share of a submission's predictions again, compare, and record what came of it: its badge."""
    keep_freed_memory()
    from suite.device import resolve
    from suite.submission import badge
    from suite.submission import verify as verifying
    from suite.submission.guests import Terms
    from suite.submission.records import VERIFICATIONS

    who = "" if dry_run else badge.author_of(author, submission)
    badge.read(submission)  # what cannot be added to stops this before the work
    terms = Terms(trusted=trust, current=current_environment, device=resolve(device))
    with shown() as progress:
        verdict = verifying.submission(
            submission,
            terms,
            share=sample,
            database=database,
            recorded=predictions,
            dataset=data,
            progress=progress,
        )
    if not dry_run:
        _, kept = badge.record(submission, verdict, share=sample, author=who, device=terms.device, database=database)
        also = f"and in {database}" if kept else f"alone: {database} has no results of it"
        typer.echo(f"Recorded in {submission / VERIFICATIONS} {also}.")
    verifying.check(verdict)
    typer.echo(f"Verified: {verdict.compared} predictions, made again in new processes, came out the same.")
