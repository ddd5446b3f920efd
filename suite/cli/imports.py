"""`suite import`: numbers that were not measured here."""

from __future__ import annotations

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption

app = typer.Typer(help="Import numbers that were not measured here.", no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Import numbers that were not measured here."""


@app.command()
def published(database: DatabaseOption = DEFAULT_DATABASE) -> None:
    """Import what the three papers print; a second time adds nothing. No ranking ever shows these numbers."""
    from suite.db.engine import open_for_writing
    from suite.db.store import Store
    from suite.published import STUDIES, numbers_of

    store = Store(open_for_writing(database), database)
    for study in STUDIES:
        numbers = numbers_of(study)
        added = store.import_published(numbers)
        typer.echo(f"{study.label}: {added} numbers added, {len(numbers) - added} were there ({study.citation})")
    typer.echo(f"To see them: suite published ehrlich2020 --database {database}")
