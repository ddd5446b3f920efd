"""Serving the board: Streamlit's options, and everything that the first visitor would else wait for."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from suite.errors import UsageError

APP = Path(__file__).with_name("app.py")
ADDRESS = "127.0.0.1"
WARM_UP_S = 600.0


def serve(database: Path, port: int, *, browser: bool) -> None:
    """Serve the board on this machine alone until it is interrupted. Raises UsageError for a port in use."""
    if is_taken(port):
        raise UsageError(f"Port {port} of {ADDRESS} is in use. Name another one, such as --port {free_port()}.")
    from streamlit.web.cli import main_run

    warm_up(database)
    main_run([str(APP), *flags(port, browser=browser), "--", str(database)], standalone_mode=False)


def warm_up(database: Path) -> None:
    """Visit the first page once, unseen: its imports and the first reading of the results are then done."""
    from streamlit.testing.v1 import AppTest

    sys.argv = [str(APP), str(database)]
    AppTest.from_file(str(APP), default_timeout=WARM_UP_S).run()


def flags(port: int, *, browser: bool) -> list[str]:
    """Return Streamlit's options: nothing leaves this machine, and nothing watches the files."""
    options = {
        "server.address": ADDRESS,
        "server.port": port,
        "server.headless": not browser,
        "server.showEmailPrompt": False,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "runner.magicEnabled": False,
        "theme.light.primaryColor": "#0072B2",
        "theme.dark.primaryColor": "#56B4E9",
    }
    return [f"--{name}={str(value).lower()}" for name, value in options.items()]


def is_taken(port: int) -> bool:
    """Return whether something listens on a port already."""
    with socket.socket() as probe:
        return probe.connect_ex((ADDRESS, port)) == 0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
