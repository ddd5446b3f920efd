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
    """Show what a run would measure, how much work it is, and what of the protocol is missing on this machine."""
    import json as json_module

    import msgspec

    from suite import protocols
    from suite.lineup import line_up
    from suite.plan import cost

    choice = choice_of(model, mitigation, codec, setting, dataset=data, limit=limit)
    tracks, absent = line_up(protocols.load(protocol), choice)
    planned = [item for track in tracks for item in track.planned]
    if json:
        conditions = [msgspec.to_builtins(item.condition) for item in planned]
        missing = [msgspec.to_builtins(item) for item in absent]
        typer.echo(json_module.dumps({"conditions": conditions, "absent": missing}))
        return
    for condition, cells in planned:
        typer.echo(f"{condition!s:>24}  {condition.count:,} images  {', '.join(cell.model.name for cell in cells)}")
    for item in absent:
        typer.echo(f"Missing here, and left out: {item}")
    total = cost(planned)
    typer.echo(
        f"{'Now this can run' if absent else 'In all'}: {total.conditions} conditions, {total.cells} cells: "
        f"{total.encodes:,} encodes and decodes, {total.predictions:,} predictions."
    )
