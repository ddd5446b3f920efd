"""`suite plugins`: what there is."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import JsonOption
from suite.cli.tables import show_table

MEMBER = "NAME.TAG"
FAMILIES = f"{MEMBER}: a network of that library with weights of its own, such as torchvision:resnet50.IMAGENET1K_V1."


def plugins(
    kind: Annotated[
        str | None, typer.Argument(help="codec, dataset, model or mitigation; all where not given.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the installed plugins and where each is defined."""
    import json as json_module

    from suite import registry
    from suite.errors import UsageError, nearest

    table = registry.table()
    if kind is not None and kind not in table:
        raise UsageError(f"'{kind}' is no kind of plugin. {nearest(kind, table) or 'Use ' + ', '.join(table)}")
    chosen = {name: targets for name, targets in table.items() if kind in (None, name)}
    if json:
        typer.echo(json_module.dumps(chosen, indent=2))
        return
    rows = [
        [name, shown_name(plugin), target]
        for name, targets in chosen.items()
        for plugin, target in sorted(targets.items())
    ]
    notes = [FAMILIES] if any(name.endswith(MEMBER) for _, name, _ in rows) else []
    show_table("Plugins", ["kind", "name", "defined in"], rows, notes)


def shown_name(plugin: str) -> str:
    """Return a plugin's name, or how the members of a family are named."""
    return plugin + MEMBER if plugin.endswith(":") else plugin
