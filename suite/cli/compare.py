"""`suite compare`: whether two entries can be told apart."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, protocol_names
from suite.cli.tables import show_table

EntryArgument = Annotated[str, typer.Argument(help="An entry as the ranking shows it, as in 'net' or 'net + fix'.")]


def compare(
    first: EntryArgument,
    second: EntryArgument,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            "-p",
            help="name@version, a name (its newest version), or a TOML file.",
            autocompletion=protocol_names,
        ),
    ],
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    metric: Annotated[str | None, typer.Option(help="Another metric than the ranking's.")] = None,
    environment: Annotated[
        str | None, typer.Option(help="The machine, by the beginning of its environment's digest; else the last used.")
    ] = None,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Compare two entries on the same images: difference per condition with interval and p-value."""
    from suite import protocols
    from suite.db.engine import open_for_reading
    from suite.report import comparison
    from suite.spec import to_json

    spec, engine = protocols.load(protocol), open_for_reading(database)
    found = comparison.compare(engine, spec.digest, first, second, task=task, environment=environment, metric=metric)
    if json:
        typer.echo(to_json(found))
        return
    for table in comparison.tables_of(spec.label, found):
        show_table(*table)
