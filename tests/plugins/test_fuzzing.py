"""Ten thousand damaged bitstreams over the decoders, each decoder in a process of its own.

SUITE_FUZZ=N looks at N inputs in all instead. What fails is kept in pytest's temporary directory.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plugins import PLUGINS
from suite import registry
from suite.lineup import why_absent
from tests import fuzzing
from tests.fuzzing import TARGETS

ROOT = Path(__file__).resolve().parents[2]
COUNT = -(-int(os.environ.get("SUITE_FUZZ", "10000")) // len(TARGETS))
TIMEOUT_S = 250 + COUNT / 10
ENDS = {
    -signal.SIGPROF: "too much time",
    -signal.SIGSEGV: "segmentation fault",
    -signal.SIGABRT: "aborted",
    -signal.SIGKILL: "killed",
}

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory as Linux counts it")


def fuzzed(name, folder, count, *, seconds=fuzzing.LONGEST_DECODE_S):
    """Fuzz a decoder and return its report; fail, naming the input, where its process does not live to give one."""
    options = ["--count", str(count), "--folder", str(folder), "--seconds", str(seconds)]
    command = [sys.executable, "-m", "tests.fuzzing", name, *options]
    try:
        child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, errors="replace")
        how, said = ENDS.get(child.returncode, f"status {child.returncode}"), child.stderr[-1000:]
    except subprocess.TimeoutExpired:
        child, how, said = None, "standing still", ""
    if not (child and child.stdout):
        last = folder / "input"
        stream = last.read_bytes() if last.exists() else b""
        pytest.fail(f"{name}: {how} on {len(stream)} bytes (kept as {last}: {stream[:200].hex()}). {said}")
    return json.loads(child.stdout.splitlines()[-1])


def test_every_codec_that_brings_what_it_needs_is_fuzzed():
    """The zoo's codecs share all of their decoder with pv-factorized, and `test_neural` damages each one's streams."""
    bring_all = {name for name in PLUGINS["codec"] if not hasattr(registry.load("codec", name).plugin, "published")}
    assert set(TARGETS) == bring_all


@pytest.mark.timeout(TIMEOUT_S + 50)
@pytest.mark.parametrize("name", TARGETS)
def test_damage_gives_an_image_or_codec_error(name, tmp_path):
    lacking = why_absent(registry.load("codec", name).plugin)
    if lacking and not TARGETS[name].written:
        pytest.skip(lacking)
    report = fuzzed(name, tmp_path, COUNT)
    assert report["failures"] == []
    # Hypothesis may find fewer inputs than it is asked for.
    assert report["refused"] + report.get("image", 0) > COUNT * 0.95
    assert report["refused"] > COUNT / 10
    # Else nothing gets past the checks of headers; a stream with a checksum is no image after any damage.
    assert report.get("image", 0) > COUNT / 50 or name in ("bpg", "pv-factorized")


BROKEN = """
import os
from plugins.codecs.none import NoCodec
from suite.errors import CodecError

class Broken(NoCodec):
    def decode(self, data):
        if len(data) != 100:
            return super().decode(data)
        {misbehave}
"""


@pytest.fixture
def broken(tmp_path):
    """Make a codec that misbehaves on 100 bytes: that is a truncation of its bitstreams."""

    def broken(misbehave):
        (tmp_path / "broken.py").write_text(BROKEN.format(misbehave=misbehave))
        return f"{tmp_path / 'broken.py'}:Broken"

    return broken


@pytest.mark.parametrize(
    ("misbehave", "said"),
    [
        ("raise IndexError('list index')", "IndexError: list index"),
        ("return bytearray(1 << 33)", "MemoryError"),
        ("raise CodecError('too big') from MemoryError()", "more than 3 GiB"),
        ("return data", "expected an array, but got bytes"),
    ],
)
def test_other_errors_and_answers_are_failures(broken, tmp_path, misbehave, said):
    report = fuzzed(broken(misbehave), tmp_path, 600)
    assert report["failures"]
    assert all(said in failure for failure in report["failures"])
    assert len((tmp_path / "failure-0").read_bytes()) == 100


@pytest.mark.parametrize(
    ("misbehave", "said"),
    [
        ("os.abort()", "aborted"),
        ("os.kill(os.getpid(), 11)", "segmentation fault"),
        ("while True: pass", "too much time"),
    ],
)
def test_crashes_and_hangs_are_failures_that_name_the_input(broken, tmp_path, misbehave, said):
    with pytest.raises(pytest.fail.Exception, match=rf"Broken: {said} on 100 bytes \(kept as .*input: 52474238"):
        fuzzed(broken(misbehave), tmp_path, 600, seconds=2)


@pytest.mark.parametrize("stream", [b"", b"x", b"RIFF", b"\xff\xd8", bytes(9), bytes(30), b"mdat" * 9], ids=repr)
@pytest.mark.parametrize("name", TARGETS)
def test_repairs_take_anything(name, stream):
    assert isinstance(TARGETS[name].repaired(stream), bytes)
