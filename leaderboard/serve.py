"""Serving the board: Streamlit's options, and everything that the first visitor would else wait for."""

from __future__ import annotations

import errno
import gc
import logging
import socket
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import typer

from suite.errors import UsageError

APP = Path(__file__).with_name("app.py")
ADDRESS = "127.0.0.1"
WARM_UP_S = 600.0
SWITCH_S = 0.0005
"""A page asks for its hundred files while its numbers are computed: so soon these let the files through."""


def serve(database: Path, port: int, *, browser: bool) -> None:
    """Serve the board on this machine alone until it is interrupted. Raises UsageError for a port in use."""
    with listener(port) as listening:
        from streamlit.web.bootstrap import load_config_options

        load_config_options(options(port))
        sys.argv = [str(APP), str(database)]
        sys.setswitchinterval(SWITCH_S)
        warm_up()
        address = f"http://{ADDRESS}:{port}"
        typer.echo(f"The board is at {address} until Ctrl-C.")
        if browser:
            Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        answer(listening)


def listener(port: int) -> socket.socket:
    """Return a socket that listens; who comes early waits. Raises UsageError for a port that cannot be had.

    It is TCP's by name: Streamlit's own is not, asyncio then sets no TCP_NODELAY, and each file of a page costs the
    40 ms of a delayed acknowledgement.
    """
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((ADDRESS, port))
        found.listen()
    except OSError as error:
        found.close()
        trouble = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise UsageError(
            f"Port {port} of {ADDRESS} {trouble}. Name another one, such as --port {free_port()}."
        ) from error
    return found


def options(port: int) -> dict[str, Any]:
    """Return Streamlit's options: nothing leaves this machine, and nothing watches the files."""
    return {
        "server.address": ADDRESS,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "runner.magicEnabled": False,
        "theme.light.primaryColor": "#0072B2",
        "theme.dark.primaryColor": "#56B4E9",
    }


def warm_up() -> None:
    """Open the first page once, unseen: what it imports and reads of the results is then there for every visitor.

    The page itself says what is wrong with a database. What is loaded by then stays, so that Streamlit's collection
    of garbage after every page need not look through it.
    """
    from streamlit.testing.v1 import AppTest

    logging.disable(logging.WARNING)  # Streamlit remarks that there is no browser.
    try:
        AppTest.from_file(str(APP), default_timeout=WARM_UP_S).run()
    finally:
        logging.disable(logging.NOTSET)
    gc.collect()
    gc.freeze()


def answer(listening: socket.socket) -> None:
    """Answer requests until the reader interrupts; on this machine, compressing would take longer than sending."""
    import streamlit as st
    import uvicorn

    config = uvicorn.Config(st.App(APP), ws_per_message_deflate=False, log_level="warning")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
