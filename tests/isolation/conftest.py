"""What the tests of worker processes share: who is there."""

from contextlib import suppress
from pathlib import Path

import pytest


def children():
    """Return this process's children, those that have ended and were not asked how among them."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


@pytest.fixture
def new_children():
    """Give what returns the children that were not there when the test began."""
    before = children()
    return lambda: children() - before
