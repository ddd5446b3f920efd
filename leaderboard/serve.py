"""Serving the board: Streamlit's options, and everything that the first visitor would else wait for."""

from __future__ import annotations

import importlib
import pkgutil
import socket
import time
import webbrowser
from contextlib import suppress
from pathlib import Path
from threading import Thread

from leaderboard import views
from suite.errors import StorageError, UsageError

APP = Path(__file__).with_name("app.py")
ADDRESS = "127.0.0.1"


def serve(database: Path, port: int, *, browser: bool) -> None:
    """Serve the board on this machine alone until it is interrupted. Raises UsageError for a port in use."""
    if is_taken(port):
        raise UsageError(f"Port {port} of {ADDRESS} is in use. Name another one, such as --port {free_port()}.")
    from streamlit.web.cli import main_run

    warm_up(database)
    if browser:
        Thread(target=open_browser, args=(port,), daemon=True).start()
    main_run([str(APP), *flags(port), "--", str(database)], standalone_mode=False)


def open_browser(port: int) -> None:
    """Open the board in the reader's browser as soon as it is served."""
    while not is_taken(port):
        time.sleep(0.1)
    webbrowser.open(f"http://{ADDRESS}:{port}")


def warm_up(database: Path) -> None:
    """Import what pages use and read the first protocol; the page itself says what is wrong with a database."""
    from leaderboard.opened import kept_protocols, kept_standing
    from suite.db import queries
    from suite.db.engine import open_for_reading

    for module in pkgutil.iter_modules(views.__path__, f"{views.__name__}."):
        importlib.import_module(module.name)
    with suppress(StorageError):
        state = queries.state(open_for_reading(database))
        for protocol in kept_protocols(database, state)[:1]:
            kept_standing(database, state, protocol.digest)


def flags(port: int) -> list[str]:
    """Return Streamlit's options: nothing leaves this machine, and nothing watches the files.

    Only a headless server spares the reader Streamlit's own advertisements; `open_browser` does the rest.
    """
    options = {
        "server.address": ADDRESS,
        "server.port": port,
        "server.headless": True,
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
