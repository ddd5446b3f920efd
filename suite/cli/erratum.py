"""`suite erratum`: results that turned out wrong are withdrawn, never removed; and the list of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, protocol_names
from suite.cli.show import COLUMNS, row_of
from suite.cli.tables import show_table
from suite.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from suite.db.queries import StoredResult

MOST_SHOWN = 50
LARGEST_NUMBER = 2**63 - 1
"""Of a row in SQLite."""

app = typer.Typer(help="Withdraw results that turned out wrong, and list those withdrawn.", no_args_is_help=True)


class Chosen(NamedTuple):
    """Which results are meant: by their numbers, or all under a protocol that have these."""

    numbers: Sequence[int]
    protocol: str | None = None
    model: str | None = None
    run: int | None = None
    cell: str | None = None


class ListedErratum(NamedTuple):
    """An erratum with what it is about; ``cell`` is the digest of what was measured."""

    erratum: int
    result: int
    protocol: str
    measurement: str
    cell: str
    author: str
    reason: str
    when: datetime


@app.command()
def add(
    reason: Annotated[str, typer.Option("--reason", help="What is wrong with them; boards show it.")],
    author: Annotated[str, typer.Option("--author", help="Who says so; boards show it.")],
    result: Annotated[
        list[int] | None, typer.Argument(min=1, max=LARGEST_NUMBER, help="Numbers of results, as in 'suite show'.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", help="Not numbers, but all under this with the following.", autocompletion=protocol_names
        ),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="All results of this model.")] = None,
    run: Annotated[
        int | None, typer.Option("--run", min=1, max=LARGEST_NUMBER, help="All results of this run.")
    ] = None,
    cell: Annotated[str | None, typer.Option("--cell", help="All results of the cell with this digest.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show which results, record nothing.")] = False,
    database: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Withdraw results: no ranking counts them, boards show who says so and why, the rows stay."""
    from suite.db.engine import open_for_reading, open_for_writing
    from suite.db.store import Store

    chosen = Chosen(result or (), protocol, model, run, cell)
    found = to_withdraw(open_for_reading(database), chosen, author=author, reason=reason)
    notes = [f"and {len(found) - MOST_SHOWN:,} more"] * (len(found) > MOST_SHOWN)
    show_table("Results to withdraw", COLUMNS, [row_of(stored) for stored in found[:MOST_SHOWN]], notes)
    if dry_run:
        typer.echo(f"{counted(found)} would be withdrawn. Nothing was recorded.")
        return
    store = Store(open_for_writing(database), database)
    store.add_errata([stored.id for stored in found], author=author, reason=reason)
    typer.echo(f"{counted(found)} withdrawn: no ranking counts them, boards show why, the rows stay.")
    for label in sorted({stored.protocol for stored in found}):
        typer.echo(f"Next: 'suite run {label}' with the options of before measures them again.")


@app.command("list")
def list_(
    protocol: Annotated[
        str | None, typer.Argument(help="Only those under this protocol.", autocompletion=protocol_names)
    ] = None,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """List the errata, newest first: which results were withdrawn, by whom, when, and why."""
    from suite import protocols
    from suite.db import queries
    from suite.db.engine import open_for_reading
    from suite.spec import to_json

    digest = None if protocol is None else protocols.load(protocol).digest
    found = listed(queries.errata(open_for_reading(database), digest))
    if json:
        typer.echo(to_json([each._asdict() for each in found]))
        return
    rows = [
        [f"{each.result}", each.protocol, each.measurement, each.author, f"{each.when:%Y-%m-%d %H:%M}", each.reason]
        for each in found
    ]
    show_table("Errata, newest first", ("result", "protocol", "measurement", "author", "when (UTC)", "reason"), rows)


def to_withdraw(engine: Engine, chosen: Chosen, *, author: str, reason: str) -> tuple[StoredResult, ...]:
    """Return the results that an erratum is for. Raises UsageError as `suite.db.store.Store.add_errata` does.

    Of those that were not named one by one, the ones of which the author has said the same are left out.
    """
    from suite.db.store import check_erratum, known_erratum

    check_erratum(author, reason)
    found = selected(engine, chosen)
    said = (author.strip(), reason.strip())
    new = tuple(stored for stored in found if said not in {(each.author, each.reason) for each in stored.errata})
    if len(new) < len(found) and (chosen.numbers or not new):
        raise known_erratum(next(stored.id for stored in found if stored not in new))
    return new


def selected(engine: Engine, chosen: Chosen) -> tuple[StoredResult, ...]:
    """Return the chosen results. Raises UsageError where there are none, or nobody says which."""
    from suite import protocols
    from suite.db import queries

    narrowed = any(each is not None for each in (chosen.model, chosen.run, chosen.cell))
    if len({bool(chosen.numbers), chosen.protocol is None, not narrowed}) > 1:
        raise UsageError(
            "Name results by their numbers ('suite show' lists them), or --protocol with --model, --run or --cell."
        )
    if chosen.protocol is None:
        return tuple(queries.result(engine, number).stored for number in dict.fromkeys(chosen.numbers))
    digest = protocols.load(chosen.protocol).digest
    found = queries.results(engine, digest, model=chosen.model, run_id=chosen.run, cell=chosen.cell)
    if not found:
        raise UsageError(f"No result is so. Run 'suite show --protocol {chosen.protocol}' for the list.")
    return found


def listed(found: Iterable[StoredResult]) -> list[ListedErratum]:
    """Return the errata of results, newest first."""
    rows = [
        ListedErratum(
            erratum=each.id,
            result=stored.id,
            protocol=stored.protocol,
            measurement=str(stored.result.cell),
            cell=stored.result.cell.digest,
            author=each.author,
            reason=each.reason,
            when=each.created_at,
        )
        for stored in found
        for each in stored.errata
    ]
    return sorted(rows, key=lambda row: (row.when, row.erratum), reverse=True)


def counted(found: Sequence[StoredResult]) -> str:
    """Return how many results there are."""
    return f"{len(found):,} result{'s' * (len(found) != 1)}"
