"""`suite check`: whether a plugin keeps the contract of its kind."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DeviceOption, JsonOption


def check(
    kind: Annotated[str, typer.Argument(help="codec, dataset, model or mitigation.")],
    name: Annotated[str, typer.Argument(help="A plugin's name, or path/to/file.py:Object.")],
    device: DeviceOption = "cpu",
    json: JsonOption = False,
) -> None:
    """Run the conformance check of a plugin's kind: the one that the tests and CI use."""
    import json as json_module

    from suite import contracts
    from suite.device import resolve

    findings = contracts.check(kind, name, device=resolve(device))
    failed = [finding for finding in findings if not finding.ok]
    if json:
        rows = [{"check": f.check, "ok": f.ok, "message": f.message} for f in findings]
        typer.echo(json_module.dumps(rows, indent=2))
    else:
        for finding in findings:
            detail = f": {finding.message}" if finding.message else ""
            typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check}{detail}")
        typer.echo(f"{len(findings) - len(failed)} of {len(findings)} checks passed.")
    if failed:
        raise typer.Exit(1)
