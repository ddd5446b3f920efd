"""`suite protocols`: what each protocol fixes."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import JsonOption, ProtocolArgument
from suite.cli.tables import show_table

app = typer.Typer(
    help="List the protocols, show what one fixes, print this machine's golden values.", no_args_is_help=True
)


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
def show(protocol: ProtocolArgument, json: JsonOption = False) -> None:
    """Show everything that a protocol fixes."""
    import msgspec

    from suite import protocols
    from suite.spec import to_json

    spec = protocols.load(protocol)
    if json:
        typer.echo(to_json(spec))
        return
    status = "released" if protocols.is_released(spec) else "draft"
    typer.echo(f"{spec.label} ({status}): {spec.title}\n{spec.digest}\n\n{spec.summary}\n")
    typer.echo(msgspec.json.format(to_json(spec), indent=2))


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
