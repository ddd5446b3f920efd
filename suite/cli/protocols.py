"""`suite protocols`: what each protocol fixes, what differs between two, and how a draft is released."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.cli.options import JsonOption, ProtocolArgument, protocol_names
from suite.cli.tables import show_table

if TYPE_CHECKING:
    from suite.report.tables import TextTable

app = typer.Typer(help="List the protocols; show what one fixes, compare two, release a draft.")


class Format(StrEnum):
    """How a protocol is shown."""

    TEXT = "text"
    JSON = "json"
    TOML = "toml"


@app.callback(invoke_without_command=True)
def by_default(context: typer.Context) -> None:
    """List the protocols; show what one fixes, compare two, release a draft."""
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the protocols of this package."""
    import json as json_module

    from suite import protocols

    specs = [protocols.load(name) for name in protocols.names()]
    status = {spec.label: "released" if protocols.is_released(spec) else "draft" for spec in specs}
    if json:
        rows = [{"protocol": s.label, "status": status[s.label], "digest": s.digest, "title": s.title} for s in specs]
        typer.echo(json_module.dumps(rows, indent=2))
        return
    show_table(
        "Protocols",
        ["protocol", "status", "title", "digest"],
        [[spec.label, status[spec.label], spec.title, spec.digest[:19] + "…"] for spec in specs],
    )


@app.command()
def show(
    protocol: ProtocolArgument,
    format_: Annotated[Format, typer.Option("--format", help="toml is the file itself.")] = Format.TEXT,
    json: JsonOption = False,
) -> None:
    """Show everything that a protocol fixes."""
    from suite import protocols
    from suite.report.protocols import tables_of
    from suite.spec import to_json

    spec = protocols.load(protocol)
    if json or format_ is Format.JSON:
        typer.echo(to_json(spec))
    elif format_ is Format.TOML:
        typer.echo(protocols.file_of(protocol).read_text(encoding="utf-8"), nl=False)
    else:
        show_tables(tables_of(spec))


@app.command()
def diff(
    first: ProtocolArgument,
    second: Annotated[str, typer.Argument(help="The other one, named the same way.", autocompletion=protocol_names)],
    json: JsonOption = False,
) -> None:
    """Show what differs between two protocols, field by field."""
    import json as json_module

    from suite import protocols
    from suite.protocols.differences import differences
    from suite.report.protocols import difference_table

    both = protocols.load(first), protocols.load(second)
    if json:
        typer.echo(json_module.dumps([found._asdict() for found in differences(*both)], indent=2))
        return
    show_tables([difference_table(*both)])


@app.command()
def freeze(
    draft: ProtocolArgument,
    without: Annotated[
        list[str] | None, typer.Option(help="A codec that is missing here and stays without golden values.")
    ] = None,
    into: Annotated[Path | None, typer.Option(help="Write there, not into this checkout's protocols.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compute everything, write nothing.")] = False,
) -> None:
    """Release a draft: check that it is complete, write its golden values, digest and changelog line."""
    from suite import release

    ready = release.prepare(draft, release.place_of(into), without or ())
    if not dry_run:
        release.write(ready)
    typer.echo(f"{ready.label} {'can be released' if dry_run else 'is released'}: {ready.digest}")
    for path in ready.files:
        typer.echo(f"{'would write' if dry_run else 'wrote'} {path}")
    for note in ready.notes:
        typer.echo(f"Note: {note}", err=True)


def show_tables(tables: list[TextTable]) -> None:
    """Print tables one below the other."""
    for table in tables:
        show_table(*table)


@app.command()
def golden(
    protocol: ProtocolArgument,
    references: Annotated[
        bool, typer.Option("--references", help="First write what the codecs with a tolerance decode here.")
    ] = False,
) -> None:
    """Print the golden values that this machine gives, in the form of their file."""
    from suite import conformance, protocols

    spec = protocols.load(protocol)
    for file in conformance.write_references(spec) if references else ():
        typer.echo(f"Wrote {file}", err=True)
    typer.echo(conformance.as_toml(conformance.compute(spec)), nl=False)
