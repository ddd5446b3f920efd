"""`suite data`: datasets of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import JsonOption
from suite.cli.progress import shown
from suite.cli.tables import show_table

app = typer.Typer(help="Register, list, verify and forget datasets of your own.", no_args_is_help=True)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it; a protocol finds it by this name.")],
    root: Annotated[Path, typer.Option(help="The directory: ROOT/class/image.jpg")],
    kind: Annotated[str, typer.Option(help="The dataset plugin that reads it.")] = "image-folder",
    classes: Annotated[
        Path | None, typer.Option(help="A file of class names in the network's order, one a line.")
    ] = None,
) -> None:
    """Register a dataset: every file is read once and its digest recorded."""
    from suite import data

    parameters = {"root": str(root.expanduser().resolve())}
    if classes is not None:
        parameters["classes_file"] = str(classes.expanduser().resolve())
    with shown() as progress:
        entry = data.add(name, kind, parameters, progress)
    typer.echo(f"Registered '{name}': {entry.samples:,} images, {entry.classes} classes, manifest {entry.manifest}.")


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the datasets: registered ones and those that plugins bring."""
    from suite import data, registry
    from suite.spec import to_json

    entries = data.registered().values()
    if json:
        typer.echo(to_json(list(entries)))
        return
    rows = [[e.name, e.kind, f"{e.samples:,}", str(e.classes), e.parameters.get("root", "")] for e in entries]
    rows += [[name, "plugin", "", "", ""] for name in registry.names("dataset")]
    show_table("Datasets", ["name", "kind", "images", "classes", "root"], rows)


@app.command()
def verify(name: Annotated[str, typer.Argument(help="A registered dataset.")]) -> None:
    """Read every image of a registered dataset again and say which are damaged or missing."""
    from suite import data
    from suite.errors import DataError

    loaded = data.open_registered(name)
    samples = loaded.plugin.samples()
    problems = 0
    with shown() as progress:
        progress.start("verifying images", len(samples))
        for sample in samples:
            try:
                loaded.plugin.read(sample)
            except DataError as error:
                problems += 1
                progress.note(str(error))
            progress.advance(1)
    typer.echo(f"{len(samples) - problems:,} of {len(samples):,} images are as registered.")
    if problems:
        raise typer.Exit(1)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A registered dataset.")]) -> None:
    """Forget a registered dataset; its images stay where they are."""
    from suite import data

    entry = data.remove(name)
    typer.echo(f"Forgot '{name}'; the images in {entry.parameters.get('root', 'its directory')} are untouched.")
