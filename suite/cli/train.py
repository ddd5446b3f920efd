"""`suite train`: the recipes that make weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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


@app.command("factorized-prior")
def factorized_prior(
    out: Annotated[Path, typer.Option("--out", "-o", help="The directory for NAME-1.safetensors and on.")],
    dataset: Annotated[str, typer.Option("--dataset", help="The dataset plugin with train and validation splits.")] = (
        "pv-cells"
    ),
    name: Annotated[str, typer.Option("--name", help="What the files are called.")] = "pv-factorized",
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Steps at the highest rate; further rates take a fifth.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides the first weights, the crops, the noise.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="A trial on each split's first images.")] = None,
    json: JsonOption = False,
) -> None:
    """Train a small neural codec at six rates on the train split; deterministic on one machine."""
    import json as json_module

    from suite import registry
    from suite.training.factorized_prior import Plan, train_factorized_prior

    given: dict[str, Any] = {"steps": steps, "seed": seed, "limit": limit}
    plan = Plan(**{field: value for field, value in given.items() if value is not None})
    splits = {split: registry.load("dataset", dataset, split=split).plugin for split in ("train", "validation")}
    with shown() as progress:
        rates = train_factorized_prior(**splits, out=out, name=name, plan=plan, progress=progress)
    if json:
        typer.echo(json_module.dumps([rate._asdict() for rate in rates], default=str))
        return
    for rate in rates:
        typer.echo(f"{rate.path}: {rate.sha256}")
        typer.echo(f"{rate.bits_per_pixel:.3f} bits per pixel and {rate.psnr_db:.2f} dB on validation.")
