"""`suite train`: the recipes that make weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import JsonOption
from suite.cli.progress import shown

app = typer.Typer(help="Run the recipes that make the suite's own weights.", no_args_is_help=True)


@app.callback()
def recipes() -> None:
    """Run the recipes that make the suite's own weights."""


@app.command("linear-probe")
def linear_probe(
    model: Annotated[str, typer.Option("--model", "-m", help="The classifier whose last layer is trained.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The safetensors file to write.")],
    dataset: Annotated[str, typer.Option("--dataset", help="The dataset plugin with train and validation splits.")] = (
        "pv-cells"
    ),
    json: JsonOption = False,
) -> None:
    """Train a classifier's last layer on the train split, its backbone frozen; deterministic on one machine."""
    import json as json_module

    from suite import registry
    from suite.training.linear_probe import train_linear_probe

    splits = {split: registry.load("dataset", dataset, split=split).plugin for split in ("train", "validation")}
    classifier = registry.load("model", model).plugin
    with shown() as progress:
        head = train_linear_probe(classifier, **splits, out=out, progress=progress)
    if json:
        typer.echo(json_module.dumps(head._asdict(), default=str))
        return
    typer.echo(f"{head.path}: {head.sha256}")
    typer.echo(f"right on {head.train_accuracy:.2%} of train and {head.validation_accuracy:.2%} of validation.")
