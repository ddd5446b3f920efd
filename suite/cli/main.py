"""The `suite` command. Heavy modules are imported inside the commands, so that help and completion stay instant."""

from __future__ import annotations

import sys
import traceback
from io import TextIOWrapper
from typing import Annotated

import typer

from suite import __version__
from suite.cli import (
    advise,
    audit,
    cache,
    check,
    cite,
    compare,
    data,
    demo,
    doctor,
    erratum,
    export,
    imports,
    leaderboard,
    plan,
    plugins,
    protocols,
    published,
    ranking,
    rates,
    report,
    run,
    show,
    submissions,
    submit,
    throughput,
    train,
    verify,
)
from suite.errors import SuiteError

app = typer.Typer(
    name="suite",
    help="What does lossy image compression cost a vision model, and which mitigation buys it back?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo.demo,
    run.run,
    plan.plan,
    ranking.ranking,
    rates.rates,
    compare.compare,
    advise.advise,
    cite.cite,
    published.published,
    leaderboard.leaderboard,
    throughput.throughput,
    show.show,
    plugins.plugins,
    check.check,
    submit.submit,
    verify.verify,
    doctor.doctor,
    audit.audit,
    export.export,
    report.report,
):
    app.command()(command)
app.command("import")(imports.imports)
app.add_typer(protocols.app, name="protocols")
app.add_typer(data.app, name="data")
app.add_typer(erratum.app, name="erratum")
app.add_typer(cache.app, name="cache")
app.add_typer(train.app, name="train")
app.add_typer(submissions.app, name="submissions")

INTERRUPTED = 130
UNEXPECTED = 70


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"suite {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Read what applies to every command; `main` looks at ``--debug`` itself."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 an explained error, 2 wrong usage, 70 a defect, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    if isinstance(sys.stdout, TextIOWrapper):  # a plugin's words may hold halves of characters, as errors' texts may
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(args=arguments, prog_name="suite")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            say("Interrupted. What is finished is kept: the same command goes on from there.")
        raise
    except SuiteError as error:
        explain(str(error), debug=debug)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user who has not asked for one
        explain(f"This is a defect in the suite: {type(error).__name__}: {error}", debug=debug)
        say("Repeat the command with --debug (suite --debug …) and report what it prints.")
        sys.exit(UNEXPECTED)


def explain(message: str, *, debug: bool) -> None:
    """Print an error, with its traceback where the user asked for it."""
    if debug:
        traceback.print_exc()
    say(f"Error: {message}")


def say(text: str) -> None:
    """Print to standard error."""
    typer.echo(text, err=True)


if __name__ == "__main__":
    main()
