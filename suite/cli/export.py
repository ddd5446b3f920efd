"""`suite export`: the board as a folder that others can verify, cite and import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption


def export(
    folder: Annotated[Path, typer.Argument(help="A new folder for the snapshot.")],
    protocol: Annotated[
        list[str] | None, typer.Option("--protocol", help="Only this protocol's results; may be repeated.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        list[str] | None, typer.Option("--format", help="sqlite, parquet or json; may be repeated. All if not given.")
    ] = None,
    with_outcomes: Annotated[
        bool, typer.Option("--with-outcomes", help="The per-sample tables too, which ties and 'suite compare' need.")
    ] = False,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Write a snapshot of all results with a manifest and digests; what a run is just storing is in it whole or not.

    It holds the commands of your runs and the reasons of failures, which may name files of yours.
    """
    from suite.db import snapshot
    from suite.spec import to_json

    made = snapshot.export(
        database,
        folder.expanduser(),
        protocols=protocol or (),
        formats=format or tuple(snapshot.FILES),
        with_outcomes=with_outcomes,
    )
    if json:
        typer.echo(to_json(made))
        return
    size = sum(listed.size_bytes for listed in made.files.values())
    typer.echo(f"{folder}: {made.counts['result']:,} results, {len(made.files):,} files, {size / 2**20:.1f} MiB")
    typer.echo(f"To cite it: {made.digest}")
    if "suite.db" in made.files:
        typer.echo(f"To import it elsewhere: suite import {folder}")
