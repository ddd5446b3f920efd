"""`suite run`: measure a protocol."""

from __future__ import annotations

import sys

import typer

from suite.cli.options import (
    DEFAULT_DATABASE,
    BatchOption,
    CodecOption,
    DatabaseOption,
    DatasetOption,
    DeviceOption,
    LimitOption,
    MitigationOption,
    ModelOption,
    ProtocolArgument,
    SettingOption,
    WorkersOption,
    choice_of,
)
from suite.cli.progress import shown
from suite.heap import keep_freed_memory


def run(
    protocol: ProtocolArgument,
    model: ModelOption = None,
    mitigation: MitigationOption = None,
    codec: CodecOption = None,
    setting: SettingOption = None,
    data: DatasetOption = None,
    limit: LimitOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchOption = None,
    workers: WorkersOption = None,
    database: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Measure a protocol's reference baselines, or the models you name. Interrupted, it goes on where it stopped."""
    keep_freed_memory()
    from suite import protocols, runner
    from suite.tuning import Wish

    spec = protocols.load(protocol)
    choice = choice_of(model, mitigation, codec, setting, dataset=data, limit=limit)
    wish = Wish(batch=batch_size, workers=workers)
    with shown() as progress:
        report = runner.run(
            spec, choice, database=database, device=device, wish=wish, progress=progress, command=sys.argv[1:]
        )
    typer.echo(
        f"{report.stored} results stored in {database}, {report.present} were there, {len(report.failed)} failed."
    )
    for absent in report.absent:
        typer.echo(f"  left out: {absent}", err=True)
    for reason in report.failed:
        typer.echo(f"  failed: {reason}", err=True)
    typer.echo(f"Next: suite ranking {protocol} --database {database}")
    if report.failed:
        raise typer.Exit(1)
