"""`suite advise`: which codec, setting and mitigation are smallest for a drop that may be had."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import (
    DEFAULT_DATABASE,
    CodecOption,
    DatabaseOption,
    JsonOption,
    MitigationOption,
    protocol_names,
)
from suite.cli.tables import show_table


def advise(
    max_drop: Annotated[float, typer.Option("--max-drop", help="What may be lost, in percentage points.")],
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            "-p",
            help="name@version, a name, or a TOML file; may be left out where one has results.",
            autocompletion=protocol_names,
        ),
    ] = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Only this model; may be repeated.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    mitigation: MitigationOption = None,
    codec: CodecOption = None,
    baseline: Annotated[
        str | None, typer.Option(help="What bytes are saved against: original, or a setting as 'jpeg quality=90'.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="The level of the intervals.")] = 0.95,
    simultaneous: Annotated[
        bool, typer.Option("--simultaneous", help="Let the level hold for all rows at once.")
    ] = False,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Say which codec, setting and mitigation are smallest for a drop that may be had, and how sure that is."""
    from suite import protocols
    from suite.db.engine import open_for_reading
    from suite.report.advice import Question, sentence, text_table
    from suite.report.advisor import advise as ask
    from suite.report.advisor import chosen_protocol
    from suite.spec import to_json

    question = Question(
        budget=max_drop / 100,
        level=confidence,
        simultaneous=simultaneous,
        task=task,
        models=tuple(model or ()),
        mitigations=tuple(mitigation or ()),
        codecs=tuple(codec or ()),
        baseline=baseline,
    )
    engine = open_for_reading(database)
    spec = protocols.load(protocol) if protocol else chosen_protocol(engine, question.models)
    found = ask(engine, spec, question)
    if json:
        typer.echo(to_json(found))
        return
    for advice in found:
        typer.echo(sentence(advice))
        show_table(*text_table(spec.label, advice))
    if not found:
        typer.echo(f"{database} has no results of {spec.label} on all samples yet, or none that conform.")
