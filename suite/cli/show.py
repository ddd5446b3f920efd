"""`suite show`: results one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from suite.cli.tables import show_table

if TYPE_CHECKING:
    from suite.db.queries import ResultDetails, StoredResult

COLUMNS = ("result", "protocol", "measurement", "images", "outcome", "when (UTC)")


def show(
    result: Annotated[
        int | None, typer.Argument(help="A result's number; a list of the newest where not given.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Only results of this protocol.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only results of this model.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failures.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """List results, or show one with its numbers, environment and digests."""
    from suite import protocols
    from suite.db import queries
    from suite.db.engine import open_for_reading
    from suite.spec import to_json

    engine = open_for_reading(database)
    if result is not None:
        show_one(queries.result(engine, result), json=json)
        return
    digest = None if protocol is None else protocols.load(protocol).digest
    found = queries.results(engine, digest, model=model, status="failed" if failed else None, limit=limit)
    if json:
        typer.echo(to_json(found))
        return
    show_table("Results, newest first", COLUMNS, [row_of(stored) for stored in found])


def row_of(stored: StoredResult) -> list[str]:
    """Return one result as a row."""
    from suite.metrics.image import FRAME_METRICS

    result, condition = stored.result, stored.result.cell.condition
    values = ", ".join(f"{m.name} {100 * m.value:.2f} %" for m in result.measures if m.name not in FRAME_METRICS)
    outcome = values if result.status == "ok" else f"failed: {result.reason}"
    when = f"{stored.created_at:%Y-%m-%d %H:%M}"
    return [str(stored.id), stored.protocol, str(result.cell), f"{condition.count:,}", outcome, when]


def show_one(details: ResultDetails, *, json: bool) -> None:
    """Show everything about one result."""
    import msgspec

    from suite.spec import to_json

    text = to_json(details)
    typer.echo(text if json else msgspec.json.format(text, indent=2))
