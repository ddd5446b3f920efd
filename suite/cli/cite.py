"""`suite cite`: what to write in a paper."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, ProtocolArgument


class Format(StrEnum):
    """How a citation is shown."""

    TEXT = "text"
    BIBTEX = "bibtex"
    CFF = "cff"
    SENTENCE = "sentence"


def cite(
    protocol: ProtocolArgument,
    entry: Annotated[str | None, typer.Option(help='An entry as a ranking shows it: "model + mitigation".')] = None,
    snapshot: Annotated[Path | None, typer.Option(help="The directory of a snapshot of results.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="text is everything, to be read.")] = Format.TEXT,
    database: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Print how to cite numbers of a protocol: the suite, the protocol's digest, and everybody's works."""
    from suite import protocols
    from suite.db.engine import open_for_reading
    from suite.report import attribution, citation

    spec = protocols.load(protocol)
    digest = "" if snapshot is None else citation.read_snapshot(snapshot)
    engine = open_for_reading(database) if database.exists() else None
    found = None if entry is None else attribution.find_entry(entry, spec, engine)
    parts = attribution.known_credits(spec, found, engine)
    cited = citation.cite(spec, parts, released=protocols.is_released(spec), entry=found, snapshot=digest)
    typer.echo(getattr(cited, format_).rstrip("\n"))
