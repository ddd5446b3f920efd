"""Freed memory is kept: allocating again does not fault its pages in again."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, threading
from suite.heap import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytearray(1 << 26)
    counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

if sys.argv[1] == "keep":
    keep_freed_memory()
counts = []
thread = threading.Thread(target=faults)
thread.start()
thread.join()
print(counts[0])
"""


def page_faults(how: str) -> int:
    """Return how often a thread had to ask for pages while it made 64 MiB twenty times, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's mallopt")
def test_freed_memory_serves_the_next_allocation():
    assert page_faults("keep") < page_faults("leave") / 4


def test_the_commands_are_there_before_numpy_is():
    ask = "import sys; import suite.cli.main; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask]).returncode == 0
