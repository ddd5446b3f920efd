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
    here = environment.record(resolve(device), {})
    checks = {spec.label: conformance.check(spec) for spec in specs}
    conforms = {label: conformance.conforms(found) for label, found in checks.items()}
    if json:
        found = {label: [item._asdict() | {"ok": item.ok} for item in items] for label, items in checks.items()}
        typer.echo(json_module.dumps({"environment": here.identity | here.details, "checks": found}, indent=2))
    else:
        show_table("This machine", ["what", "value"], [[*item] for item in (here.identity | here.details).items()])
        for label, items in checks.items():
            typer.echo(verdict(label, items, conforms[label]))
    if not all(conforms.values()):
        raise typer.Exit(1)


def verdict(label: str, items: list[Check], ok: bool) -> str:
    """Return what doctor says of one protocol."""
    if not items:
        return f"{label}: a draft without golden values; nothing to compare."
    bad = [item for item in items if not item.ok]
    outcome = "conforms" if ok else "DOES NOT CONFORM"
    lines = [f"{label}: {outcome}, {len(items) - len(bad)} of {len(items)} golden values agree."]
    lines += [
        f"  {item.kind} of {item.name}: expected {item.expected[:19]}…, but got {item.found[:120]}" for item in bad
    ]
    if not ok:
        lines.append("  Results from here are stored as non-conformant. Install the pinned libraries: constraints.txt")
    return "\n".join(lines)
