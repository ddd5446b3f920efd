"""`suite rates`: which codec gives more accuracy for its bits."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, ProtocolArgument
from suite.cli.tables import show_table


def rates(
    protocol: ProtocolArgument,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="The codec to compare with; jpeg where not given, or the first.")
    ] = None,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Sum up accuracy over rate: area, BD-rate and BD-accuracy of each entry and codec against a reference codec."""
    from suite import protocols
    from suite.db.engine import open_for_reading
    from suite.report.rates import rate_tables, tables_of
    from suite.spec import to_json

    spec = protocols.load(protocol)
    released = protocols.is_released(spec)
    found = rate_tables(open_for_reading(database), spec.digest, task, released=released, reference=reference)
    if json:
        typer.echo(to_json(found))
        return
    for table in tables_of(spec.label, found):
        show_table(*table)
    if not found:
        typer.echo(f"{database} has no results of {spec.label} on all samples yet, or none that conform.")
