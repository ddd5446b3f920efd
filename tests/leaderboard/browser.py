"""The board's pages in a real browser, for tests and benchmarks."""

from __future__ import annotations

import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
"""What a browser without a network needs, or it looks for hosts at every start."""
DONE = "[data-testid=stApp][data-test-script-state=notRunning]"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(log.read_text())


class Visit:
    """A page in the browser, with what it complained of."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self.heard)

    def heard(self, said: Any) -> None:
        """Note an error, but not that Streamlit looks for its server below a page's own address first."""
        if said.type == "error" and "/_stcore/" not in said.location["url"]:
            self.complaints.append(said.text)

    def open(self, address: str, *, patience_ms: int = 300) -> Visit:
        """Go there and wait until Streamlit has drawn the page."""
        self.page.goto(address)
        return self.settled(patience_ms=patience_ms)

    def settled(self, *, patience_ms: int = 300) -> Visit:
        """Wait until nothing runs any more, ``patience_ms`` after there was something to see."""
        self.page.wait_for_selector("h2", timeout=60_000)
        self.page.wait_for_timeout(patience_ms)
        self.page.wait_for_selector(DONE, timeout=60_000)
        return self

    def text(self) -> str:
        """Return all text of the page."""
        return re.sub(r"\s+", " ", self.page.inner_text("[data-testid=stMain]"))

    def check(self) -> None:
        """Assert that nothing went wrong."""
        assert self.complaints == []
        assert self.page.locator("[data-testid=stException]").count() == 0
