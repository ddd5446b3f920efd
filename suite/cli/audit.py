"""`suite audit`: what compression your own images have been through."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from suite.cli.progress import shown
from suite.cli.tables import show_table


def audit(
    directory: Annotated[Path, typer.Argument(help="A folder of images, at any depth.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="Say what this model is expected to lose.")] = None,
    protocol: Annotated[str, typer.Option("--protocol", help="The protocol whose curve is read.")] = "pv-cells@1",
    csv: Annotated[Path | None, typer.Option("--csv", help="Write one line an image to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with plots to this file.")] = None,
    database: DatabaseOption = DEFAULT_DATABASE,
    json: JsonOption = False,
) -> None:
    """Say codec, chroma, JPEG quality, rate and double compression of each image; nothing is changed or sent."""
    from suite import audit as auditing
    from suite import protocols
    from suite.db.engine import open_for_reading
    from suite.report import audit as report
    from suite.spec import to_json

    with shown() as progress:
        images = list(auditing.audit(directory.expanduser(), progress))
    curve = report.jpeg_curve(open_for_reading(database), protocols.load(protocol), model) if model else []
    expected = report.expected_drop(images, curve)
    sentences = [report.sentence(expected, model, protocol)] if model and expected else []
    table = report.summary(images, str(directory))
    if csv:
        csv.write_text(report.as_csv(images), encoding="utf-8")
    if html:
        html.write_text(report.as_html(images, table, sentences), encoding="utf-8")
    if json:
        typer.echo(to_json({"images": images, "expected_drop": expected}))
        return
    show_table(*table)
    for text in sentences:
        typer.echo(text)
