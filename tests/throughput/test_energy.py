"""Energy from a fake of NVIDIA's library whose counter anyone can compute, and from none where there is none."""

import sys
from time import perf_counter
from types import ModuleType, SimpleNamespace

import pytest

from suite.throughput.energy import CHANGES, UPDATES, counter_of
from suite.throughput.entry import Speed, measures_of
from suite.throughput.timing import Pace, Stopwatch, Timing, synchroniser, timed
from tests.throughput.fake_clock import FakeClock

torch = pytest.importorskip("torch")
UUID = "8f2e5a52-1f6e-41c5-9d6f-0a4f3b1f2c11"
WATTS = 250
READ_S = 0.001


class Library(ModuleType):
    """Knows one GPU of ``WATTS`` whose counter is brought up to date every ``update_s``; a reading takes a moment."""

    class NVMLError(Exception):
        pass

    class NVMLError_NotSupported(NVMLError):  # noqa: N801 - the library's own name
        pass

    class NVMLError_NotFound(NVMLError):  # noqa: N801
        pass

    class NVMLError_FunctionNotFound(NVMLError):  # noqa: N801
        pass

    def __init__(self, clock, update_s=0.05, known=f"GPU-{UUID}", partitioned=None):
        super().__init__("pynvml")
        self.clock, self.update_s, self.known, self.partitioned, self.broken = clock, update_s, known, partitioned, None

    def nvmlInit(self):  # noqa: N802
        if self.broken == "init":
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        if uuid != self.known:
            raise self.NVMLError_NotFound("Not Found")
        return uuid

    def nvmlDeviceGetMigMode(self, handle):  # noqa: N802
        if self.partitioned is None:
            raise self.NVMLError_NotSupported("Not Supported")
        return [self.partitioned, self.partitioned]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        assert handle == self.known
        if self.broken == "energy":
            raise self.NVMLError_NotSupported("Not Supported")
        self.clock.now += READ_S
        updates = int(self.clock.now / self.update_s) if self.update_s else 0
        return round(1000 * WATTS * updates * self.update_s)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def gpu(clock, monkeypatch):
    """Give what puts a library and a GPU in place."""

    def install(uuid=UUID, **made):
        library = Library(clock, **made)
        monkeypatch.setitem(sys.modules, "pynvml", library)
        monkeypatch.setattr(torch.cuda, "get_device_properties", {"cuda:1": SimpleNamespace(uuid=uuid)}.__getitem__)
        return library

    return install


def found_on(clock):
    return counter_of("cuda:1", lambda: clock.now)


def test_a_gpu_is_found_by_its_uuid_and_its_counter_says_how_fine_it_is(gpu, clock):
    gpu()
    counter, what = found_on(clock)
    assert counter.update_s == pytest.approx(0.05, abs=2 * READ_S)
    assert counter.shortest_s == pytest.approx(UPDATES * 0.05, abs=UPDATES * 2 * READ_S)
    assert what == "energy counter of the whole GPU (NVML), updated every 50 ms, over 1.0 s or more"
    assert clock.now < 0.05 * (CHANGES + 1) + 1


def test_a_prefix_of_the_uuid_is_kept(gpu, clock):
    gpu(uuid=f"GPU-{UUID}")
    assert found_on(clock).counter is not None


def measured(clock, seconds, calls_of=0.125):
    counter = found_on(clock).counter
    stopwatch = Stopwatch(clock=lambda: clock.now, synchronise=clock.wait, counter=counter)

    def call():
        clock.now += calls_of

    return timed(call, images=4, pace=Pace(seconds=seconds, repeats=2), stopwatch=stopwatch)


def test_joules_an_image_are_power_over_rate(gpu, clock):
    gpu()
    timing = measured(clock, seconds=8)
    expected = WATTS * 0.125 / 4
    assert timing.joules_per_image("joules_per_image").value == pytest.approx(expected, rel=0.05 / 16 + 0.001)
    names = {measure.name: measure.value for measure in measures_of(Speed(timing, timing))}
    assert names["joules_per_image"] == timing.joules / (4 * timing.calls)


def test_the_warm_up_does_not_count_and_the_device_is_waited_for(clock):
    readings, spent = [], iter((100.0, 160.0))

    def joules():
        readings.append(clock.waits)
        return next(spent)

    counter = SimpleNamespace(shortest_s=2.0, joules=joules)
    stopwatch = Stopwatch(clock=lambda: clock.now, synchronise=clock.wait, counter=counter)

    def call():
        clock.now += 0.5

    timing = timed(call, images=1, pace=Pace(seconds=1.0, repeats=2), stopwatch=stopwatch)
    assert timing.joules == 60
    assert readings == [2 * 3 + 1, 2 * (3 + 4) + 2]  # after three calls of warm-up, and after four that count


def test_a_time_too_short_for_the_counter_has_no_energy(gpu, clock):
    gpu()
    assert measured(clock, seconds=0.375).joules is None
    assert measured(clock, seconds=0.625).joules > 0


@pytest.mark.parametrize("readings", [(None, 5.0), (5.0, None), (5.0, 5.0), (9.0, 1.0)])
def test_a_counter_that_fails_or_begins_anew_has_no_energy(clock, readings):
    left = iter(readings)
    counter = SimpleNamespace(shortest_s=0.0, joules=lambda: next(left))
    stopwatch = Stopwatch(clock=lambda: clock.now, counter=counter)

    def call():
        clock.now += 0.5

    assert timed(call, images=1, pace=Pace(1.0, 1), stopwatch=stopwatch).joules is None


def test_a_gpu_that_stops_telling_has_no_energy(gpu, clock):
    library = gpu()
    counter = found_on(clock).counter
    library.broken = "energy"
    assert counter.joules() is None


def test_without_a_counter_there_is_no_measure():
    timing = Timing(1, ((1.0,),))
    assert "joules_per_image" not in {measure.name for measure in measures_of(Speed(timing, timing))}


def test_on_a_cpu_nothing_is_asked_for(monkeypatch, clock):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert counter_of("cpu", lambda: clock.now) == (None, "")


def test_without_the_package_it_says_what_to_install(monkeypatch, clock):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert found_on(clock) == (
        None,
        "not measured: nvidia-ml-py is missing; pip install 'compression-suite[gpu]'",
    )


def test_a_library_without_the_function_is_named(monkeypatch, clock):
    monkeypatch.setitem(sys.modules, "pynvml", ModuleType("pynvml"))
    counter, what = found_on(clock)
    assert counter is None
    assert "has no nvmlDeviceGetTotalEnergyConsumption" in what


@pytest.mark.parametrize(
    ("broken", "made", "reason"),
    [
        ("energy", {}, "NVML: Not Supported"),
        ("init", {}, "NVML: Driver Not Loaded"),
        (None, {"known": "GPU-another"}, "NVML: Not Found"),
        (None, {"partitioned": 1}, "the GPU is partitioned (MIG), its counter is of all partitions together"),
        (None, {"update_s": 0}, "the counter of the GPU stands still for 1 s"),
    ],
)
def test_what_cannot_be_read_is_left_out_with_the_reason(gpu, clock, broken, made, reason):
    gpu(**made).broken = broken
    assert found_on(clock) == (None, f"not measured: {reason}")


def test_a_gpu_that_could_be_partitioned_and_is_not_is_read(gpu, clock):
    gpu(partitioned=0)
    assert found_on(clock).counter is not None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_real_counter_goes_up_by_what_a_board_can_draw():
    pytest.importorskip("pynvml")
    counter, what = counter_of("cuda:0", perf_counter)
    if counter is None:
        pytest.skip(what)
    stopwatch = Stopwatch(synchronise=synchroniser("cuda:0"), counter=counter)
    a = torch.ones((2048, 2048), device="cuda:0")
    timing = timed(lambda: a @ a, images=1, pace=Pace(seconds=counter.shortest_s, repeats=1), stopwatch=stopwatch)
    watts = timing.joules / sum(timing.repeats[0])
    assert 10 < watts < 2000
