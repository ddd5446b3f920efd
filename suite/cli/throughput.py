"""`suite throughput`: how fast models, mitigations and codecs are on this host."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from suite.cli.options import (
    DEFAULT_DATABASE,
    DatabaseOption,
    DeviceOption,
    JsonOption,
    MitigationOption,
    ModelOption,
    ProtocolArgument,
    choice_of,
)
from suite.cli.progress import shown
from suite.cli.tables import show_table
from suite.heap import keep_freed_memory


def throughput(
    protocol: ProtocolArgument,
    model: ModelOption = None,
    mitigation: MitigationOption = None,
    device: DeviceOption = "auto",
    seconds: Annotated[float, typer.Option(help="The least time inside the calls of a repeat.")] = 1.0,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of each timing.")] = 5,
    training: Annotated[bool, typer.Option(help="Time a training step of models that offer one, too.")] = True,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Time a protocol's baselines, or the models you name, beside a reference; then its codecs alone."""
    keep_freed_memory()
    from suite import protocols
    from suite.db import queries
    from suite.db.engine import open_for_reading
    from suite.report.throughput import tables_of
    from suite.spec import to_json
    from suite.throughput import runner
    from suite.throughput.timing import Pace

    spec = protocols.load(protocol)
    choice = choice_of(model, mitigation, None, None, dataset=None, limit=None)
    pace = Pace(seconds=seconds, repeats=repeats)
    with shown() as progress:
        report = runner.run(
            spec,
            choice,
            name=protocol,
            database=database,
            device=device,
            pace=pace,
            progress=progress,
            command=sys.argv[1:],
            training=training,
        )
    found = queries.throughput(open_for_reading(database), spec.digest, run_id=report.run)
    if json:
        typer.echo(to_json(found))
    for table in [] if json else tables_of(spec.label, found):
        show_table(*table)
    for absent in report.absent:
        typer.echo(f"  left out: {absent}", err=True)
    if {"failed", "invalid"} & {*report.statuses}:
        raise typer.Exit(1)
