"""`suite demo`: the whole way once, on real images, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite import embedded
from suite.cli import ranking, run
from suite.cli.options import DatabaseOption, DeviceOption

IMAGES = 160


def demo(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many images.")] = IMAGES,
    device: DeviceOption = "auto",
    database: DatabaseOption = Path("results/demo.db"),
) -> None:
    """Measure what JPEG costs three networks on photographs of solar cells: a trial on some of the images."""
    typer.echo(f"A trial of {embedded.MODELS} on {limit} of its images, into {database}.", err=True)
    run.run(embedded.MODELS, limit=limit, device=device, database=database)
    ranking.ranking(embedded.MODELS, database=database)
    typer.echo(
        "A trial is never ranked. The whole protocol, about five minutes on two cores:\n"
        f"  .venv/bin/suite run {embedded.MODELS}\n"
        f"  .venv/bin/suite ranking {embedded.MODELS}\n"
        "The board on these results:\n"
        f"  make leaderboard DATABASE={database}"
    )
