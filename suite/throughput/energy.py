"""The energy that a GPU uses, from the counter that NVIDIA's management library (NVML) keeps; never an estimate.

``nvmlDeviceGetTotalEnergyConsumption`` gives millijoules since the driver was loaded, of the whole board and whoever
works on it, on GPUs from Volta on. The package is ``nvidia-ml-py``, its module ``pynvml``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

READS = "nvmlDeviceGetTotalEnergyConsumption"
CHANGES = 6
"""How many changes of the counter tell how often it is brought up to date."""
PATIENCE_S = 1.0
"""A counter that does not change for so long stands still."""
UPDATES = 20
"""A measurement spans so many updates: each end is late by one at most, so that the difference is right within 5 %."""


@dataclass(frozen=True)
class Board:
    """One GPU's counter, brought up to date every ``update_s`` seconds; ``handle`` is what NVML knows the GPU by."""

    nvml: Any
    handle: Any
    update_s: float = 0.0

    @property
    def shortest_s(self) -> float:
        """The least time over which a difference means something."""
        return UPDATES * self.update_s

    def joules(self) -> float | None:
        """Return the joules used since the driver was loaded; None where the GPU does not say."""
        try:
            return int(getattr(self.nvml, READS)(self.handle)) / 1000
        except self.nvml.NVMLError:
            return None


class Metered(NamedTuple):
    """A device's counter, None without one, and in words what it counts or why there is none."""

    counter: Board | None
    what: str


def counter_of(device: str, clock: Callable[[], float]) -> Metered:
    """Return the energy counter of ``"cpu"`` (none, and no word) or ``"cuda:N"``; ``clock`` tells seconds."""
    if device == "cpu":
        return Metered(None, "")
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return Metered(None, "not measured: nvidia-ml-py is missing; pip install 'compression-suite[gpu]'")
    if not hasattr(nvml, READS):
        return Metered(None, f"not measured: this pynvml has no {READS}; pip install 'nvidia-ml-py>=12'")
    try:
        return metered(Board(nvml, handle_of(nvml, device)), clock)
    except nvml.NVMLError as error:
        return Metered(None, f"not measured: NVML: {error}")


def metered(board: Board, clock: Callable[[], float]) -> Metered:
    """Return a board's counter if it counts for this process's device alone and goes on. Raises NVMLError."""
    if shared(board):
        return Metered(None, "not measured: the GPU is partitioned (MIG), its counter is of all partitions together")
    getattr(board.nvml, READS)(board.handle)  # raises where it is not supported, and says so
    moments = list(changes(board, clock))
    if len(moments) < CHANGES:
        return Metered(None, f"not measured: the counter of the GPU stands still for {PATIENCE_S:g} s")
    update_s = median(later - earlier for earlier, later in pairwise(moments))
    found = Board(board.nvml, board.handle, update_s)
    what = "energy counter of the whole GPU (NVML), updated every {:.0f} ms, over {:.1f} s or more"
    return Metered(found, what.format(1000 * update_s, found.shortest_s))


def handle_of(nvml: Any, device: str) -> Any:
    """Return what NVML knows a GPU by, found by its UUID: torch may count GPUs in another order. Raises NVMLError."""
    import torch

    nvml.nvmlInit()
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    return nvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}")


def shared(board: Board) -> bool:
    """Whether a GPU is partitioned; one that cannot be is not."""
    try:
        return bool(board.nvml.nvmlDeviceGetMigMode(board.handle)[0])
    except (board.nvml.NVMLError_NotSupported, board.nvml.NVMLError_FunctionNotFound):
        return False


def changes(board: Board, clock: Callable[[], float]) -> Iterator[float]:
    """Yield the moments, in seconds, at which the counter changes: `CHANGES` of them unless it stands still."""
    last, since = board.joules(), clock()
    for _ in range(CHANGES):
        while (now := board.joules()) == last:
            if clock() - since > PATIENCE_S:
                return
        last, since = now, clock()
        yield since
