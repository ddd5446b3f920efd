"""`suite train`: the recipes that make weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import JsonOption

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
