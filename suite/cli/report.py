"""`suite report`: a protocol's results as a folder to publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, protocol_names
from suite.cli.progress import shown


def report(
    protocol: Annotated[
        str, typer.Option("--protocol", help="name@version, or a TOML file.", autocompletion=protocol_names)
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the page, the tables and the figures.")],
    force: Annotated[bool, typer.Option("--force", help="Write over an earlier report in that folder.")] = False,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Write a page, Markdown and LaTeX tables, and figures; the same results give the same bytes."""
    from suite.report.publication.rendering import check_installed

    check_installed()  # before what imports it

    from suite import protocols
    from suite.db.engine import open_for_reading
    from suite.report.publication.publishing import publish
    from suite.spec import to_json

    spec, engine = protocols.load(protocol), open_for_reading(database)
    with shown() as progress:
        files = publish(engine, spec, out.expanduser(), force=force, progress=progress)
    typer.echo(to_json(files) if json else f"{out}: {len(files) + 1} files. Open {out / 'report.html'}")
