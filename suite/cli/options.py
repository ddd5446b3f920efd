"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from suite.lineup import Choice

DEFAULT_DATABASE = Path("results/suite.db")


def protocol_names(incomplete: str) -> list[str]:
    """Complete a protocol's name from the package's files, without reading them."""
    directory = Path(__file__).parents[1] / "protocols"
    return sorted(path.stem for path in directory.glob(f"{incomplete}*@*.toml"))


ProtocolArgument = Annotated[
    str,
    typer.Argument(help="name@version, a name (its newest version), or a TOML file.", autocompletion=protocol_names),
]
DatabaseOption = Annotated[
    Path, typer.Option("--database", "-d", envvar="SUITE_DATABASE", help="The SQLite file with the results.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
ModelOption = Annotated[
    list[str] | None, typer.Option("--model", "-m", help="A model instead of the baselines; may be repeated.")
]
MitigationOption = Annotated[list[str] | None, typer.Option("--mitigation", help="A mitigation; may be repeated.")]
CodecOption = Annotated[list[str] | None, typer.Option("--codec", help="Only this codec; may be repeated.")]
SettingOption = Annotated[
    list[str] | None, typer.Option("--setting", help="Only this setting, as 50 or quality=50; may be repeated.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", help="A trial on the first samples only; never ranked.", show_default=False)
]
DatasetOption = Annotated[
    str | None, typer.Option("--data", help="A registered dataset that stands in for the protocol's.")
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
BatchOption = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Images a batch; measured on this host where not given.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Worker threads; measured on this host where not given.")
]
SubmissionsOption = Annotated[Path, typer.Option("--submissions", help="The folder that holds the submissions.")]
TrustOption = Annotated[
    bool, typer.Option("--trust", help="Run it without bubblewrap; you have read it. The result says so.")
]
CurrentOption = Annotated[
    bool, typer.Option("--current-environment", help="Run it in this Python environment instead of its own.")
]


def choice_of(
    models: Sequence[str] | None,
    mitigations: Sequence[str] | None,
    codecs: Sequence[str] | None,
    settings: Sequence[str] | None,
    *,
    dataset: str | None,
    limit: int | None,
) -> Choice:
    """Return what a user chose of a protocol."""
    from suite.lineup import Choice

    return Choice(
        models=tuple(models or ()),
        mitigations=tuple(mitigations or ()),
        codecs=tuple(codecs or ()),
        settings=tuple(settings or ()),
        dataset=dataset,
        limit=limit,
    )
