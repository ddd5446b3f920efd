"""A watch over a submitted plugin's processes as a whole: how many there are, and what memory they have together.

Limits of the system (rlimits) hold for each process alone, and not all of them for a host that runs as root.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

PROC = Path("/proc")
EVERY_S = 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """Processes and threads, and bytes that are theirs alone."""

    tasks: int
    memory_bytes: int


class Watch:
    """Looks at a process and all its descendants ten times a second, and ends them when they are over a limit."""

    def __init__(self, pid: int, most: Usage, end: Callable[[], None]) -> None:
        self.reason = ""
        self._pid = pid
        self._most = most
        self._end = end
        self._over = Event()
        if PROC.joinpath("self", "task").is_dir():
            Thread(target=self._look, name="watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(EVERY_S):
            used = usage(self._pid)
            if used.tasks > self._most.tasks:
                self.reason = f"It had {used.tasks} processes and threads; {self._most.tasks} are allowed."
            elif used.memory_bytes > self._most.memory_bytes:
                mib = f"{used.memory_bytes >> 20} MiB of memory; {self._most.memory_bytes >> 20} MiB"
                self.reason = f"Its processes had {mib} are allowed."
            if self.reason:
                self._end()
                return


def usage(pid: int) -> Usage:
    """Return what a process and its descendants use; what has ended meanwhile counts as nothing."""
    tasks = memory_bytes = 0
    for each in family(pid):
        try:
            tasks += len(list((PROC / str(each) / "task").iterdir()))
            _, resident, shared, *_ = (PROC / str(each) / "statm").read_text().split()
            memory_bytes += (int(resident) - int(shared)) * PAGE_BYTES
        except (OSError, ValueError):
            continue
    return Usage(tasks, memory_bytes)


def family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    left = [pid]
    while left:
        each = left.pop()
        yield each
        try:
            for task in (PROC / str(each) / "task").iterdir():
                left += map(int, (task / "children").read_text().split())
        except OSError:
            continue
