"""`suite plan`: what a run would do."""

from __future__ import annotations

import typer

from suite.cli.options import (
    CodecOption,
    DatasetOption,
    JsonOption,
    LimitOption,
    MitigationOption,
    ModelOption,
    ProtocolArgument,
    SettingOption,
    choice_of,
)


def plan(
    protocol: ProtocolArgument,
    model: ModelOption = None,
    mitigation: MitigationOption = None,
    codec: CodecOption = None,
    setting: SettingOption = None,
    data: DatasetOption = None,
    limit: LimitOption = None,
    json: JsonOption = False,
) -> None:
    """Show the conditions and cells that a run would measure, and how much work they are."""
    from suite import protocols
    from suite.lineup import line_up
    from suite.plan import cost
    from suite.spec import to_json

    choice = choice_of(model, mitigation, codec, setting, dataset=data, limit=limit)
    planned = [item for track in line_up(protocols.load(protocol), choice) for item in track.planned]
    if json:
        typer.echo(to_json([item.condition for item in planned]))
        return
    for condition, cells in planned:
        typer.echo(f"{condition!s:>24}  {condition.count:,} images  {', '.join(cell.model.name for cell in cells)}")
    total = cost(planned)
    typer.echo(
        f"{total.conditions} conditions, {total.cells} cells: {total.encodes:,} encodes and decodes, "
        f"{total.predictions:,} predictions."
    )
