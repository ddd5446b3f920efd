"""Codecs in processes of their own: the same answers and errors as in this one, and nothing that outlives the host."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from suite import registry
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import photo
from suite.errors import CodecError
from suite.isolation.codec import HostedCodec, Hosts
from suite.pipeline import attempt
from tests import fake_codecs

ROOT = Path(__file__).resolve().parents[2]
DEEDS = f"{fake_codecs.__file__}:Deeds"
IMAGE = photo(8, 9)
RATIO = Setting("quality_layer", 20)


def hosted(name, **options):
    loaded = registry.load("codec", name)
    return HostedCodec(loaded.plugin, loaded.origin, **options)


@pytest.fixture(scope="module")
def jpeg2000():
    codec = hosted("jpeg2000")
    yield codec
    codec.close()


@pytest.fixture
def deeds():
    codec = hosted(DEEDS)
    yield codec
    codec.close()


def deed(name):
    return Setting("deed", name)


def pid(codec):
    return int(codec.encode(IMAGE, deed("pid")))


def is_there(process):
    """Whether a process runs, or has ended and nobody has asked how."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def ends(process, within_s=20):
    """Wait for the end of a process that is nobody's child any more."""
    over = time.monotonic() + within_s
    while time.monotonic() < over:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("name", ["jpeg2000", f"{ROOT / 'tests' / 'fakes.py'}:TopBits"])
def test_keeps_the_contract(name):
    codec = hosted(name)
    assert [finding for finding in check_codec(codec) if not finding.ok] == []
    codec.close()


@examples(max_examples=50)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda size: arrays(np.uint8, (*size, 3))),
    st.sampled_from([1000, 20, 2]),
)
def test_gives_the_bytes_and_pixels_of_the_codec_itself(jpeg2000, image, ratio):
    itself, setting = registry.load("codec", "jpeg2000").plugin, Setting("quality_layer", ratio)
    data = itself.encode(image, setting)
    assert jpeg2000.encode(image, setting) == data
    assert np.array_equal(jpeg2000.decode(data), itself.decode(data))


def test_parameters_reach_the_process():
    loaded = registry.load("codec", "jpeg2000", transform="5-3", colour="none", container="jp2")
    codec = HostedCodec(loaded.plugin, loaded.origin)
    assert codec.encode(photo(64, 64), RATIO) == loaded.plugin.encode(photo(64, 64), RATIO)
    codec.close()


def test_images_and_streams_larger_than_the_first_memory_pass():
    codec, image = hosted("none"), photo(1200, 1300)
    data = codec.encode(image, Setting("none", 0))
    assert len(data) == 12 + image.size
    assert np.array_equal(codec.decode(data), image)
    codec.close()


@pytest.mark.parametrize("error", fake_codecs.ERRORS)
def test_errors_keep_their_name_and_text(deeds, error):
    itself = registry.load("codec", DEEDS).plugin
    said = attempt(lambda: deeds.encode(IMAGE, deed(error)))
    assert said == attempt(lambda: itself.encode(IMAGE, deed(error)))
    is_codec_error = isinstance(fake_codecs.ERRORS[error], CodecError)
    with pytest.raises(CodecError if is_codec_error else Exception) as caught:
        deeds.encode(IMAGE, deed(error))
    assert isinstance(caught.value, CodecError) == is_codec_error


def test_an_error_ends_no_process(deeds):
    before = pid(deeds)
    with pytest.raises(CodecError, match="Try 13"):
        deeds.encode(IMAGE, deed("codec-error"))
    assert pid(deeds) == before


@pytest.mark.parametrize(("answer", "said"), [("text", "got str"), ("nothing", "got NoneType")])
def test_answers_that_are_no_bitstream_are_refused(deeds, answer, said):
    with pytest.raises(CodecError, match=f"Expected encode to give bytes, but {said}"):
        deeds.encode(IMAGE, deed(answer))


@pytest.mark.parametrize("setting", [Setting("deed", None), Setting("deed", float("nan")), Setting("x" * 9000, 1)])
def test_settings_that_cannot_be_sent_are_refused_and_cost_no_process(deeds, setting):
    before = pid(deeds)
    with pytest.raises(CodecError, match="of Encode cannot be"):
        deeds.encode(IMAGE, setting)
    assert pid(deeds) == before


@pytest.mark.parametrize(
    ("misdeed", "said"),
    [
        ("kill", r"deeds deed=kill, 9x8: Its process ended \(signal 9, Killed\) instead of answering"),
        ("abort", r"signal 11, Segmentation fault"),
        ("exit", r"ended \(status 3\)"),
        ("leave", r"ended \(status 0\)"),
        ("nonsense", r"Expected a message of number 0 to 15"),
    ],
)
def test_a_process_that_ends_or_lies_is_a_codec_error_and_the_next_call_gets_another(deeds, misdeed, said):
    before = pid(deeds)
    with pytest.raises(CodecError, match=said):
        deeds.encode(IMAGE, deed(misdeed))
    assert not is_there(before)
    assert pid(deeds) != before


def test_a_process_that_is_killed_from_outside_is_replaced(deeds):
    before = pid(deeds)
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(pid, deeds).result()
        waiting = pool.submit(deeds.encode, IMAGE, deed("hang"))
        time.sleep(0.1)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(CodecError, match="signal 9, Killed"):
            waiting.result()
        assert pool.submit(pid, deeds).result() != worker
    assert pid(deeds) == before


def test_a_process_that_died_between_two_calls_is_replaced_without_a_word(deeds):
    before = pid(deeds)
    os.kill(before, signal.SIGKILL)
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    assert pid(deeds) != before


def test_one_that_hangs_is_ended():
    codec = hosted(DEEDS, call_timeout_s=0.5)
    before = pid(codec)
    with pytest.raises(CodecError, match=r"did not answer within 0\.5 s and was ended"):
        codec.encode(IMAGE, deed("hang"))
    assert not is_there(before)
    assert pid(codec) != before
    codec.close()


def test_interrupts_do_not_reach_it(deeds):
    before = pid(deeds)
    os.kill(before, signal.SIGINT)
    deeds.encode(IMAGE, deed("interrupt"))
    assert pid(deeds) == before


def test_what_it_prints_is_no_answer_and_goes_to_the_errors(deeds, capfd):
    assert int(deeds.encode(IMAGE, deed("print"))) == pid(deeds)
    deeds.close()
    out, err = capfd.readouterr()
    assert out == ""
    assert "printed printed" in err
    assert "written to 1" in err


def test_a_codec_that_cannot_be_made_says_so_and_leaves_no_process(monkeypatch, new_children):
    monkeypatch.setenv("UNMAKEABLE", str(os.getpid()))
    codec = hosted(f"{fake_codecs.__file__}:Unmakeable")
    for _ in range(2):
        assert attempt(lambda: codec.encode(IMAGE, deed("pid"))).reason == "RuntimeError: only once"
    assert new_children() == set()


def test_one_that_cannot_be_started_is_a_codec_error(deeds, monkeypatch):
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts itself both times
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(CodecError, match=r"Its process cannot be started: .*No such file"):
        pid(deeds)
    assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208 - the same
    monkeypatch.undo()
    assert pid(deeds)


def test_every_thread_has_one_and_none_outlives_its_thread_or_the_end(new_children):
    codec, files = hosted(DEEDS), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts itself both times
    barrier = threading.Barrier(3)

    def twice():
        barrier.wait()
        return pid(codec), pid(codec)

    with ThreadPoolExecutor(3) as pool:
        pairs = [future.result() for future in [pool.submit(twice) for _ in range(3)]]
    assert all(first == second for first, second in pairs)
    assert len(set(pairs)) == 3
    assert pid(codec) not in {first for first, _ in pairs}
    assert not any(is_there(first) for first, _ in pairs)
    codec.close()
    assert new_children() == set()
    assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208 - the same


UNGUARDED = """
import sys
from suite import registry
from suite.api import Setting
from suite.contracts.specimens import photo
from suite.isolation.codec import HostedCodec

print("started", flush=True)
loaded = registry.load("codec", sys.argv[1])
codec = HostedCodec(loaded.plugin, loaded.origin)
print(codec.encode(photo(8, 9), Setting("deed", "pid")).decode(), flush=True)
codec.encode(photo(8, 9), Setting("deed", "hang"))
"""


@pytest.fixture
def script(tmp_path):
    """Start a script that hosts a codec which hangs, and give it with the number of its worker."""
    file = tmp_path / "unguarded.py"
    file.write_text(UNGUARDED)
    command = [sys.executable, str(file), DEEDS]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as script:
        assert script.stdout.readline() == "started\n"
        yield script, int(script.stdout.readline())
        script.kill()
        assert script.stdout.read() == ""  # it started once


def test_a_worker_dies_with_its_host_even_amid_a_call(script):
    host, worker = script
    assert is_there(worker)
    host.kill()
    assert ends(worker)


def test_an_interrupted_host_leaves_no_worker(script):
    host, worker = script
    time.sleep(0.2)
    host.send_signal(signal.SIGINT)
    assert ends(worker)
    assert host.wait(20) != 0
    assert "KeyboardInterrupt" in host.stderr.read()


def test_a_worker_imports_little(tmp_path):
    code = (
        "import sys, runpy; sys.argv = ['worker']\n"
        "import suite.isolation.worker\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    foreign = set(listed.split()) - set(sys.stdlib_module_names) - {"suite", "numpy"}
    assert {name for name in foreign if not name.startswith(("_", "__editable__"))} == set()


def test_hosts_take_in_what_holds_the_lock_where_threads_would_take_turns(new_children):
    hosts, held, free = Hosts(), registry.load("codec", "jpeg2000"), registry.load("codec", "webp")
    assert hosts.codec(held.plugin, held.origin, workers=1) is held.plugin
    assert hosts.codec(free.plugin, free.origin, workers=2) is free.plugin
    guest = hosts.codec(held.plugin, held.origin, workers=2)
    assert isinstance(guest, HostedCodec)
    assert hosts.codec(held.plugin, held.origin, workers=2) is guest
    assert (guest.name, guest.version, guest.build) == (held.plugin.name, held.plugin.version, held.plugin.build)
    stream = held.plugin.encode(photo(8, 8), RATIO)
    assert np.array_equal(guest.decode(stream), held.plugin.decode(stream))
    assert new_children() == set()  # OpenCV lets go of the lock
    assert guest.encode(photo(8, 8), RATIO) == stream
    assert new_children()
    hosts.close()
    assert new_children() == set()
