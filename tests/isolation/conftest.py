"""What the tests of worker processes share: who is there."""

from pathlib import Path

import pytest


def children():
    """Return this process's children, those that have ended and were not asked how among them."""
    listed = [task / "children" for task in Path("/proc/self/task").iterdir()]
    return {int(child) for file in listed for child in file.read_text().split()}


@pytest.fixture
def new_children():
    """Give what returns the children that were not there when the test began."""
    before = children()
    return lambda: children() - before
