"""`suite leaderboard`: the board in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DEFAULT_DATABASE, DatabaseOption

USUAL_PORT = 8501


def leaderboard(
    database: DatabaseOption = DEFAULT_DATABASE,
    port: Annotated[int, typer.Option(help="Where it listens, on this machine only.", min=1, max=65535)] = USUAL_PORT,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Show the results in a browser, on this machine only, until Ctrl-C."""
    from importlib import import_module
    from importlib.util import find_spec

    from suite.errors import UsageError

    if find_spec("leaderboard") is None or find_spec("streamlit") is None:
        raise UsageError("The leaderboard needs Streamlit. Run: pip install 'compression-suite[leaderboard]'")
    # By name: the suite knows nothing of what is built on it.
    import_module("leaderboard.serve").serve(database, port, browser=browser)
