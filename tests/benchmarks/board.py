"""How long does the board take on a million results?

Serves it with the suite's own command and opens it in Chromium, as a reader would:
  (a) the first page in a new browser, from the request until everything is drawn, in the median of several;
  (b) a filter on the ranking, from the key press until the new table is drawn, in the median of several;
  (c) the server's peak memory after all that.
Nothing here asserts on a clock.

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks import million
from tests.leaderboard.browser import QUIET, Visit, free_port, wait_for

ROUNDS = 5
PARTS_OF_NAMES = ("0012", "3", "034", "11", "00", "52")
"""Each leaves another number of entries, which is how the new table is told from the old."""


@contextmanager
def server(database: Path) -> Iterator[tuple[str, int]]:
    """Serve the board, and give its address and process id."""
    port, log = free_port(), database.with_suffix(".log")
    command = [sys.executable, "-m", "suite.cli.main", "leaderboard", "--no-browser", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen([*command, "--database", str(database)], stdout=out, stderr=out)
    try:
        wait_for(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def first_page(browser: Any, address: str) -> float:
    """Return how long a page takes in a new window."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    visit = Visit(context.new_page())
    taken = seconds(lambda: visit.open(address, patience_ms=0))
    visit.check()
    context.close()
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
    from playwright.sync_api import sync_playwright

    with server(arguments.database) as (address, pid), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        pages = [first_page(browser, address) for _ in range(ROUNDS)]
        rankings = [first_page(browser, f"{address}/ranking") for _ in range(ROUNDS)]
        changes = filters(browser, address)
        browser.close()
        print(f"first page, s: the first {pages[0]:.2f}, then {statistics.median(pages[1:]):.2f}")
        print(f"ranking, s: the first {rankings[0]:.2f}, then {statistics.median(rankings[1:]):.2f}")
        print(f"a filter, s: {statistics.median(changes):.2f} (from {min(changes):.2f} to {max(changes):.2f})")
        print(f"server, peak MiB: {peak_mib(pid):.0f}")


if __name__ == "__main__":
    main()
