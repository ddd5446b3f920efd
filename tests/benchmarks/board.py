"""How long does the board take on a million results?

Serves it with the suite's own command and opens it in Chromium, as a reader would:
  (a) the very first visit, in a browser and of a server that have both just been started, and beside it what the same
      browser takes for a Streamlit page with nothing but a title: the part that is not the board's;
  (b) the first page and the ranking in new windows of a running browser;
  (c) a filter on the ranking, from the key press until the new table is drawn;
  (d) the server's peak memory after all that.
A page is there when its headline numbers, its chart and its table are on screen and nothing runs any more. No window
has anything in its cache. Nothing here asserts on a clock.

    python -m tests.benchmarks.board --database /tmp/million.db        # made first where it is not there: 4 minutes
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks import million
from tests.leaderboard.browser import QUIET, Visit, free_port, wait_for

ROUNDS = 5
PARTS_OF_NAMES = ("0012", "3", "034", "11", "00", "52")
"""Each leaves another number of entries, which is how the new table is told from the old."""


NUMBERS, CHART = "[data-testid=stMetricValue]", "[data-testid=stVegaLiteChart] svg.marks path"
TABLE = "[data-testid=stDataFrame] canvas"
DRAWN = """selectors => selectors.every(selector => {
    const seen = document.querySelector(selector);
    if (!(seen instanceof HTMLCanvasElement)) return Boolean(seen);
    return seen.width && seen.getContext("2d").getImageData(0, 0, seen.width, seen.height).data.some(Boolean);
})"""
"""Whether all of these are on the page, and on those that are a canvas something is painted."""

BARE = "import streamlit\n\nstreamlit.header('Nothing else')\n"


@contextmanager
def board(database: Path) -> Iterator[tuple[str, int]]:
    """Serve the board, and give its address and process id."""
    port = free_port()
    command = [sys.executable, "-m", "suite.cli.main", "leaderboard", "--no-browser", "--port", str(port)]
    with answering([*command, "--database", str(database)], port, database.with_suffix(".log")) as served:
        yield served


@contextmanager
def bare_page(directory: Path) -> Iterator[tuple[str, int]]:
    """Serve a Streamlit page with nothing but a title by Streamlit's own command, and give its address."""
    port, app = free_port(), directory / "bare.py"
    app.write_text(BARE)
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.address=127.0.0.1"]
    options = [f"--server.port={port}", "--server.headless=true", "--browser.gatherUsageStats=false"]
    with answering([*command, *options], port, app.with_suffix(".log")) as served:
        yield served


@contextmanager
def answering(command: list[str], port: int, log: Path) -> Iterator[tuple[str, int]]:
    """Run a server, and give its address and process id once it answers."""
    address = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        wait_for(address, process, log)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        yield browser
        browser.close()


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def opened(browser: Any, address: str, *parts: str) -> float:
    """Return how long a page takes in a new window until these parts of it are drawn and nothing runs any more."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    visit = Visit(context.new_page())

    def read() -> None:
        visit.open(address, patience_ms=0).page.wait_for_function(DRAWN, arg=parts)

    taken = seconds(read)
    visit.check()
    context.close()
    return taken


def first_visits(served: Callable[[], AbstractContextManager[tuple[str, int]]], *parts: str) -> list[float]:
    """Return how long several first visits take, each of a new server in a new browser."""
    taken = []
    for _ in range(ROUNDS):
        with served() as (address, _), chromium() as browser:
            taken.append(opened(browser, address, *parts))
    return taken


def filters(browser: Any, address: str) -> list[float]:
    """Return how long each of several filters takes on one open page."""
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    visit = Visit(context.new_page()).open(f"{address}/ranking")
    visit.page.get_by_text("Filters", exact=True).click()
    field = visit.page.get_by_label("Name contains")
    taken = []
    for part in PARTS_OF_NAMES:
        before = visit.page.get_by_text(re.compile("Drops are over")).inner_text()
        field.fill(part)

        def filtered(before: str = before) -> None:
            field.press("Enter")
            visit.page.wait_for_function(
                "before => ![...document.querySelectorAll('[data-testid=stText]')].some(e => e.innerText === before)",
                arg=before,
            )
            visit.settled(patience_ms=0)

        taken.append(seconds(filtered))
    visit.check()
    context.close()
    return taken


def told(taken: Sequence[float]) -> str:
    """Return the median of some times with their extremes."""
    return f"{statistics.median(taken):.2f} (from {min(taken):.2f} to {max(taken):.2f})"


def peak_mib(pid: int) -> float:
    """Return a process's peak resident memory, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--results", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if not arguments.database.exists():
        million.make(arguments.database, arguments.results)
    with TemporaryDirectory() as directory:
        bare = first_visits(partial(bare_page, Path(directory)))
    print(f"a bare Streamlit page, browser and server just started, s: {told(bare)}")
    first = first_visits(partial(board, arguments.database), NUMBERS, CHART, TABLE)
    print(f"first page, browser and server just started, s: {told(first)}")
    with board(arguments.database) as (address, pid), chromium() as browser:
        pages = [opened(browser, address, NUMBERS, CHART, TABLE) for _ in range(ROUNDS)]
        rankings = [opened(browser, f"{address}/ranking", TABLE) for _ in range(ROUNDS)]
        print(f"first page, new window, s: {told(pages)}")
        print(f"ranking, new window, s: {told(rankings)}")
        print(f"a filter, s: {told(filters(browser, address))}")
        print(f"server, peak MiB: {peak_mib(pid):.0f}")


if __name__ == "__main__":
    main()
