"""Peak memory: read where the kernel and torch say it, and told apart from what others hold."""

import mmap
import resource

import pytest

from suite.throughput.entry import Speed, peak_mib
from suite.throughput.memory import MIB, Process, meter_of
from suite.throughput.timing import Timing

SPEED = Speed(Timing(1, ((1.0,),)), Timing(1, ((1.0,),)))


def test_the_process_peak_is_the_kernels_and_is_forgotten_first(tmp_path):
    (tmp_path / "status").write_text("Name:\tpython\nVmPeak:\t  9000 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  1000 kB\n")
    meter = Process(tmp_path)
    meter.reset()
    assert (tmp_path / "clear_refs").read_text() == "5"
    assert (meter.peak(), meter.held()) == (2 * MIB, 0)


def test_without_proc_the_peak_is_that_of_the_whole_process(tmp_path):
    meter = Process(tmp_path / "absent")
    meter.reset()
    assert meter.peak() in {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale for scale in (1, 1024)}


def test_what_a_process_allocates_is_in_its_peak():
    meter = meter_of("cpu")
    meter.reset()
    before = meter.peak()
    block = mmap.mmap(-1, 200 * MIB)  # the heap may hold as much that other tests have freed
    block.write(b"x" * (200 * MIB))
    assert meter.peak() - before > 150 * MIB
    del block


class Accelerator:
    """Holds 500 MiB of which 100 are the entry's, and peaks at 700."""

    what = "fake"

    def __init__(self):
        self.events = []

    def held(self):
        return 500 * MIB

    def reset(self):
        self.events.append("reset")

    def peak(self):
        self.events.append("peak")
        return 700 * MIB


def test_other_entries_weights_do_not_count():
    meter = Accelerator()

    def work():
        meter.events.append("work")
        return SPEED

    assert peak_mib(work, meter, own=100 * MIB) == (SPEED, 300.0)
    assert meter.events == ["reset", "work", "peak"]


def test_on_a_gpu_it_is_torchs_own_count(monkeypatch):
    torch = pytest.importorskip("torch")
    forgotten = []
    monkeypatch.setattr(torch.cuda, "memory_allocated", {"cuda:1": 5}.__getitem__)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", {"cuda:1": 9}.__getitem__)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", forgotten.append)
    meter = meter_of("cuda:1")
    meter.reset()
    assert (meter.held(), meter.peak(), forgotten) == (5, 9, ["cuda:1"])
