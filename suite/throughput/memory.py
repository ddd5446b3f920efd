"""Peak memory: of an accelerator what one entry needs there, of a CPU what the whole process has resident."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

MIB = 2**20


class Meter(Protocol):
    """Where memory is read, in bytes; ``what`` says in words what `peak` counts."""

    what: str

    def held(self) -> int:
        """Return what is in use now and can be told apart: 0 where nothing can."""

    def reset(self) -> None:
        """Begin to look for the peak."""

    def peak(self) -> int:
        """Return the peak since `reset`."""


class Process:
    """The resident memory of this process, Python, torch and all loaded models included.

    Linux can forget an older peak; elsewhere, or where it may not, the peak is that since the process began.
    """

    what = "peak resident memory of the whole process"

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._proc = proc

    def held(self) -> int:
        """Return 0: what an allocator keeps for later cannot be told from what is in use."""
        return 0

    def reset(self) -> None:
        """Make the kernel forget the peak so far (proc(5): 5 in clear_refs), where it can."""
        with suppress(OSError):
            (self._proc / "clear_refs").write_text("5", encoding="ascii")

    def peak(self) -> int:
        """Return the kernel's high-water mark."""
        with suppress(OSError):
            for line in (self._proc / "status").read_text(encoding="utf-8").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        import resource  # not on Windows

        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest if sys.platform == "darwin" else largest * 1024


class Cuda:
    """What torch has allocated on a GPU."""

    what = "peak of torch's allocations on the GPU, without other entries' weights"

    def __init__(self, device: str) -> None:
        import torch

        self._cuda = torch.cuda
        self._device = device

    def held(self) -> int:
        """Return what is allocated now."""
        return int(self._cuda.memory_allocated(self._device))

    def reset(self) -> None:
        """Make torch forget the peak so far."""
        self._cuda.reset_peak_memory_stats(self._device)

    def peak(self) -> int:
        """Return torch's peak."""
        return int(self._cuda.max_memory_allocated(self._device))


def meter_of(device: str) -> Meter:
    """Return where to read the memory of ``device``."""
    return Process() if device == "cpu" else Cuda(device)
