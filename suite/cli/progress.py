"""Progress on a terminal (a bar with rate and time left) or in a log (a plain line now and then)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from suite.progress import Progress

if TYPE_CHECKING:
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def shown() -> Iterator[Progress]:
    """Give a progress that fits standard error: a bar for a person, plain lines for a log."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    bar = Bar()
    with bar.live:
        yield bar


class Lines:
    """Progress as plain lines, one at most every ten seconds, and one at the end of each piece of work."""

    def __init__(self) -> None:
        self._what = ""
        self._total: int | None = None
        self._done = 0
        self._begin = self._last = time.monotonic()

    def start(self, what: str, total: int | None) -> None:
        """Begin a piece of work."""
        self._what, self._total, self._done = what, total, 0
        self._begin = self._last = time.monotonic()
        self.note(what if total is None else f"{what}: {total:,} to do")

    def advance(self, units: int) -> None:
        """Add to the units done; print when it is time or at the end."""
        self._done += units
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES or self._done == self._total:
            self._last = now
            self.note(line(self._what, self._done, self._total, now - self._begin))

    def note(self, text: str) -> None:
        """Print a line."""
        typer.echo(text, err=True)


def line(what: str, done: int, total: int | None, elapsed_s: float) -> str:
    """Return one line of progress."""
    rate = done / max(elapsed_s, 1e-9)
    if total is None:
        return f"{what}: {done:,}, {rate:,.1f}/s"
    left = (total - done) / rate if rate else 0.0
    return f"{what}: {done:,} of {total:,} ({done / max(total, 1):.0%}), {rate:,.1f}/s, {clock(left)} left"


def clock(seconds: float) -> str:
    """Return a duration as h:mm:ss."""
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


class Bar:
    """Progress as a bar that is drawn in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.live = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None

    def start(self, what: str, total: int | None) -> None:
        """Begin a piece of work; the bar of the one before stays."""
        self._task = self.live.add_task(what, total=total, rate="")

    def advance(self, units: int) -> None:
        """Move the bar."""
        if self._task is None:
            return
        task = self.live.tasks[self._task]
        rate = (task.completed + units) / max(task.elapsed or 0.0, 1e-9)
        self.live.update(self._task, advance=units, rate=f"{rate:,.1f}/s")

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self.live.console.print(text, highlight=False, markup=False)
