"""`suite import`: numbers that were not measured here, of papers or of another board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from suite.cli.tables import show_table

if TYPE_CHECKING:
    from suite.db.snapshot import Imported
    from suite.report.tables import TextTable

PUBLISHED = "published"


def imports(
    source: Annotated[
        str, typer.Argument(metavar="published|SNAPSHOT", help="The papers' numbers, or a folder of 'suite export'.")
    ],
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Import numbers that were not measured here; a second time adds nothing.

    'published' is what the three papers print, which no ranking ever shows. A snapshot is verified whole before
    anything of it is taken. For a folder of that name write ./published.
    """
    if source == PUBLISHED:
        import_published(database, json=json)
    else:
        import_snapshot(Path(source), database, json=json)


def import_published(database: Path, *, json: bool) -> None:
    """Import what the papers print."""
    from suite.db.engine import open_for_writing
    from suite.db.store import Store
    from suite.published import STUDIES, numbers_of
    from suite.spec import to_json

    store = Store(open_for_writing(database), database)
    found = {study: numbers_of(study) for study in STUDIES}
    added = {study.name: store.import_published(numbers) for study, numbers in found.items()}
    if json:
        typer.echo(to_json(added))
        return
    for study, numbers in found.items():
        new = added[study.name]
        typer.echo(f"{study.label}: {new} numbers added, {len(numbers) - new} were there ({study.citation})")
    typer.echo(f"To see them: suite published ehrlich2020 --database {database}")


def import_snapshot(folder: Path, database: Path, *, json: bool) -> None:
    """Import a snapshot."""
    from suite.db import snapshot
    from suite.spec import to_json

    done = snapshot.import_snapshot(folder.expanduser(), database)
    if json:
        tallies = {kind: tally._asdict() for kind, tally in done.tallies.items()}
        typer.echo(to_json({"digest": done.manifest.digest, "imported": tallies, "missing_outcomes": done.missing}))
        return
    show_table(*table_of(done, folder))


def table_of(done: Imported, folder: Path) -> TextTable:
    """Return what an import did, as a table."""
    from suite.report.tables import TextTable

    rows = [(kind, f"{tally.added:,}", f"{tally.known:,}") for kind, tally in done.tallies.items()]
    notes = [f"digest {done.manifest.digest}, made {done.manifest.created_at:%Y-%m-%d %H:%M} UTC"]
    if done.missing:
        notes.append(
            f"{done.missing:,} per-sample tables are not in it, and ties and 'suite compare' need them: ask for an "
            "export --with-outcomes."
        )
    return TextTable(f"Imported from {folder}", ("what", "added", "known already"), tuple(rows), tuple(notes))
