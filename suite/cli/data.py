"""`suite data`: datasets of your own, and files of weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from suite.cli.options import JsonOption
from suite.cli.progress import shown
from suite.cli.tables import show_table

if TYPE_CHECKING:
    from suite.weights import Found

app = typer.Typer(
    help="Register, list, verify and forget datasets of your own; register and download files of weights.",
    no_args_is_help=True,
)


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


@app.command()
def weights(
    directory: Annotated[
        Path | None, typer.Argument(help="Where the files are, at any depth; lists the registered ones if not given.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Register the files of weights in a directory: each is read once and its digest recorded."""
    from suite import weights as files

    if directory is None:
        show_weights("Registered files of weights", files.registered(), json=json)
        return
    with shown() as progress:
        found = files.register(directory, progress)
    show_weights("Registered now", found.registered, json=json)
    for reason in found.refused:
        typer.echo(f"Refused: {reason}", err=True)
    if found.refused:
        raise typer.Exit(1)


@app.command()
def download(
    names: Annotated[list[str], typer.Argument(help="Models, codecs or mitigations, as a protocol names them.")],
    json: JsonOption = False,
) -> None:
    """Download the published weights that plugins need and that are not here, and register them."""
    from suite import weights as files

    wanted = {file.file: file for name in names for file in files.missing(files.named(name))}
    with shown() as progress:
        found = [files.download(file, progress) for file in wanted.values()]
    if json or found:
        show_weights("Downloaded", found, json=json)
    else:
        typer.echo("Nothing to download: all that they need is here.")


def show_weights(title: str, files: Sequence[Found], *, json: bool) -> None:
    """Show files of weights and whether they are still there."""
    import json as json_module

    if json:
        rows = [file._asdict() | {"path": str(file.path), "there": file.is_there} for file in files]
        typer.echo(json_module.dumps(rows, indent=2))
        return
    table = [[file.file, file.sha256[:12], "yes" if file.is_there else "no", str(file.path)] for file in files]
    show_table(title, ["file", "SHA-256", "there", "path"], table)
