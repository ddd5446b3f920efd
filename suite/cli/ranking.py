"""`suite ranking`: who loses least."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, ProtocolArgument
from suite.cli.tables import show_table


def ranking(
    protocol: ProtocolArgument,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Rank the entries of one protocol by their mean drop; trials, drafts and others are listed with the reason.

    As JSON: ranked and unranked entries, and the verifications that are their badges.
    """
    from suite import protocols
    from suite.db import queries
    from suite.db.engine import open_for_reading
    from suite.errors import DamagedOutcomes
    from suite.report.badges import badges_of
    from suite.report.tables import tables_of
    from suite.report.ties import standings_of
    from suite.spec import to_json

    spec, engine = protocols.load(protocol), open_for_reading(database)
    found = queries.ranking(engine, spec.digest, task, released=protocols.is_released(spec))
    badges = badges_of(queries.verifications(engine, spec.digest))
    if json:
        verifications = [*badges.values()]
        typer.echo(to_json({"ranked": found.ranked, "unranked": found.unranked, "verifications": verifications}))
        return
    try:
        standings = standings_of(engine, found.ranked)
    except DamagedOutcomes as error:
        typer.echo(f"Ties are unknown: {error}", err=True)
        standings = {}
    for table in tables_of(spec.label, found, standings, badges):
        show_table(*table)
    if not (found.ranked or found.unranked):
        typer.echo(f"{database} has no results of {spec.label} yet. Run: suite run {protocol} --database {database}")
