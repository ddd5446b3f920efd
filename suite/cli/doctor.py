"""`suite doctor`: whether this machine produces comparable numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from suite.cli.options import DeviceOption, JsonOption
from suite.cli.tables import show_table

if TYPE_CHECKING:
    from suite.conformance import Check


def doctor(
    protocol: Annotated[str | None, typer.Argument(help="One protocol; all released ones where not given.")] = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Compare this machine's codecs and geometries with the golden values of released protocols."""
    import json as json_module

    from suite import conformance, environment, protocols
    from suite.device import resolve

    specs = [protocols.load(name) for name in ([protocol] if protocol else protocols.names())]
    specs = [spec for spec in specs if protocol or protocols.is_released(spec)]
    here = environment.record(resolve(device))
    checks = {spec.label: conformance.check(spec) for spec in specs}
    if json:
        found = {label: [item._asdict() | {"ok": item.ok} for item in items] for label, items in checks.items()}
        typer.echo(json_module.dumps({"environment": here.identity | here.details, "checks": found}, indent=2))
    else:
        show_table("This machine", ["what", "value"], [[*item] for item in (here.identity | here.details).items()])
        for label, items in checks.items():
            show_protocol(label, items)
    if not all(item.conforms for items in checks.values() for item in items):
        typer.echo(
            "Results of what does not conform are stored, never ranked. Install the pinned libraries: constraints.txt",
            err=True,
        )
        raise typer.Exit(1)


def show_protocol(label: str, items: list[Check]) -> None:
    """Print what there is to say of one protocol, codec by codec and model by model."""
    if not items:
        typer.echo(f"{label}: a draft without golden values; nothing to compare.")
        return
    subjects = dict.fromkeys(item.subject for item in items)
    verdicts = [[subject, *verdict([item for item in items if item.subject == subject])] for subject in subjects]
    show_table(label, ["codec or geometry", "on this machine", ""], verdicts)


def verdict(items: list[Check]) -> tuple[str, str]:
    """Return whether one codec or geometry conforms, and what there is to say of it."""
    if items[0].missing:
        return "missing", items[0].missing
    if not any(item.expected for item in items):
        return "unknown", "no golden values are recorded: the project's machines lack it"
    wrong = [item for item in items if not item.ok]
    said = "; ".join(f"{item.kind} at {item.name}: {item.found[:80]}" for item in wrong[:3])
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    if all(item.conforms for item in items):
        return (
            "conforms",
            "all golden values agree" if not wrong else f"the same pixels in other bits: {said}{more}",
        )
    return "DOES NOT CONFORM", said + more
