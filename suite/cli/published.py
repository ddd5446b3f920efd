"""`suite published`: what papers print, apart from everything measured."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from suite.cli.tables import show_table


def published(
    source: Annotated[str | None, typer.Argument(help="A study, as ehrlich2020; lists them if not given.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only this model, as the paper names it.")] = None,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Show the numbers that papers print: the studies, or the tables of one study, task or model. Never ranked."""
    from suite.db import queries
    from suite.db.engine import open_for_reading
    from suite.published import studies
    from suite.report.published import studies_table, tables_of
    from suite.spec import to_json

    name = None if source is None else studies.find(source).name
    found = queries.published(open_for_reading(database), name, model=model, task=task)
    if json:
        typer.echo(to_json(found))
        return
    chosen = any(each is not None for each in (source, task, model))
    for table in tables_of(found) if chosen else [studies_table(found)]:
        show_table(*table)
    if not found:
        typer.echo(f"{database} has no such numbers. Run: suite import published --database {database}")
