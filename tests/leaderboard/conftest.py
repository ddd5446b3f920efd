"""Two ways to open the board: Streamlit's own test client for logic, and a real browser on a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.leaderboard.browser import QUIET, Visit, free_port, wait_for

APP = str(Path(__file__).parents[2] / "leaderboard" / "app.py")


@pytest.fixture
def opened(monkeypatch) -> Callable[..., AppTest]:
    """Open a page of the board on a database, without a browser; ``address`` is the page's, empty for the first."""

    def open_(path: Path, address: str = "", **query: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["app.py", str(path)])
        app = AppTest.from_file(APP, default_timeout=60)
        app.query_params.update(query)
        app._page_hash = calc_hash(address) if address else ""
        return app.run()

    return open_


@pytest.fixture(scope="session")
def served(tmp_path_factory) -> Iterator[Callable[[Path], str]]:
    """Serve the board on a database with the suite's own command, and return its address."""
    servers: dict[Path, tuple[subprocess.Popen[bytes], str]] = {}
    logs = tmp_path_factory.mktemp("servers")

    def serve(path: Path) -> str:
        if path not in servers:
            port = free_port()
            command = [sys.executable, "-m", "suite.cli.main", "leaderboard", "--no-browser", "--port", str(port)]
            with (logs / f"{port}.log").open("wb") as log:
                process = subprocess.Popen(
                    [*command, "--database", str(path)], stdout=log, stderr=log, start_new_session=True
                )
            servers[path] = process, f"http://127.0.0.1:{port}"
            wait_for(servers[path][1], process, logs / f"{port}.log")
        return servers[path][1]

    yield serve
    for process, _ in servers.values():
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A real browser; tests without one are skipped."""
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if program is None:
        pytest.skip("needs Chromium or Chrome: run 'make system-deps'")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory():
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium) -> Iterator[Callable[..., Visit]]:
    """Open a browser window: 1280 pixels wide, or what is asked for."""
    contexts = []

    def visit_(*, width: int = 1280, height: int = 900, dark: bool = False) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        contexts.append(context)
        return Visit(context.new_page())

    yield visit_
    for context in contexts:
        context.close()
