"""`suite submit`: a contributor's file to a finished folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.cli.options import (
    DEFAULT_DATABASE,
    CurrentOption,
    DatabaseOption,
    DatasetOption,
    DeviceOption,
    LimitOption,
    SubmissionsOption,
    TrustOption,
    protocol_names,
)
from suite.cli.progress import shown
from suite.heap import keep_freed_memory

if TYPE_CHECKING:
    from suite.submission.submit import Submitted


def submit(
    plugin: Annotated[Path, typer.Argument(help="The plugin: one Python file with metadata (submissions/TEMPLATE).")],
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            help="What to measure it on: pv-cells@1 unless told, codecs on pv-open-codecs@1.",
            autocompletion=protocol_names,
        ),
    ] = None,
    data: DatasetOption = None,
    limit: LimitOption = None,
    device: DeviceOption = "auto",
    submissions: SubmissionsOption = Path("submissions"),
    database: DatabaseOption = DEFAULT_DATABASE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop before the long run.")] = False,
    trust: TrustOption = False,
    current_environment: CurrentOption = False,
    pull_request: Annotated[
        bool, typer.Option("--pull-request", help="Make the branch and the commit, and the pull request with gh.")
    ] = False,
) -> None:
    """Check a plugin in its sandbox, measure it, and write submissions/NAME/. Interrupted, it goes on."""
    keep_freed_memory()
    from suite import protocols
    from suite.device import resolve
    from suite.submission import pull_request as request
    from suite.submission.checking import protocol_for
    from suite.submission.guests import Terms
    from suite.submission.manifest import read
    from suite.submission.measuring import Order
    from suite.submission.submit import submit as take

    terms = Terms(trusted=trust, current=current_environment, device=resolve(device))
    order = Order(
        spec=protocols.load(protocol or protocol_for(read(plugin).kind)),
        database=database,
        dataset=data,
        limit=limit,
        device=terms.device,
        command=sys.argv[1:],
    )
    with shown() as progress:
        done = take(plugin, order, terms, submissions=submissions, dry_run=dry_run, progress=progress)
    show(done)
    if done.measured and pull_request:
        typer.echo(request.opened(done.folder, done.visitor.manifest))
    elif done.measured:
        typer.echo(f"Next: git add {done.folder} and open a pull request, or repeat with --pull-request.")


def show(done: Submitted) -> None:
    """Print what became of a plugin."""
    name = f"{done.visitor.manifest.name} {done.visitor.manifest.version}"
    typer.echo(f"{name}: {len(done.findings)} of {len(done.findings)} checks passed ({done.visitor.isolation}).")
    if done.measured is None:
        typer.echo("Nothing was measured: that was a dry run.")
        return
    from suite.submission.table import table_of

    typer.echo(table_of(done.measured.results))
    if done.verdict:
        typer.echo(f"{done.verdict.compared} predictions, made again in new processes, came out the same.")
    if done.predictions:
        typer.echo(f"Keep the predictions: {done.predictions.path} (SHA-256 {done.predictions.sha256[:12]}…).")
    typer.echo(f"Written: {done.folder}/")
