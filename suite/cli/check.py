"""`suite check`: whether a plugin keeps the contract of its kind, and a submission the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import CurrentOption, DeviceOption, JsonOption, TrustOption
from suite.cli.progress import shown


def check(
    kind: Annotated[str, typer.Argument(help="codec, dataset, model or mitigation; or a submission's folder or file.")],
    name: Annotated[str | None, typer.Argument(help="A plugin's name, or path/to/file.py:Object.")] = None,
    device: DeviceOption = "cpu",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Samples of a submission's trial.")] = 32,
    trust: TrustOption = False,
    current_environment: CurrentOption = False,
    json: JsonOption = False,
) -> None:
    """Run the conformance check of a plugin's kind: the one that the tests and CI use.

    With a submission's folder, or a contributor's file, it runs in its sandbox, and a trial of the embedded protocol
    follows.
    """
    import json as json_module

    from suite import contracts
    from suite.device import resolve

    if name is None:
        from suite.submission import checking
        from suite.submission.guests import Terms

        terms = Terms(trusted=trust, current=current_environment, device=resolve(device))
        with shown() as progress:
            findings = list(checking.examined(Path(kind), terms, limit=limit, progress=progress))
    else:
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
