"""The BPG codec against programs that stand in for Bellard's, and against those where they are installed."""

import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from plugins.codecs import bpg
from plugins.codecs.bpg import Bpg, announced_size
from suite import registry
from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import photo
from suite.errors import CodecError, UsageError

HELP = """BPG Image Encoder version 0.9.8
usage: bpgenc [options] infile.[jpg|png]
-e encoder           select the HEVC encoder (jctvc x265, default = jctvc)
"""

# A BPG header and the PNG itself, longer with a lower QP: lossless, but with everything else that the codec relies on.
ENCODER = f"""
import os, struct, sys, time
if "-h" in sys.argv:
    sys.stdout.write({HELP!r})
    sys.exit(1)
out, qp = (sys.argv[sys.argv.index(option) + 1] for option in ("-o", "-q"))
png = open(sys.argv[-1], "rb").read()
def number(value):
    return bytes((value >> shift & 127) | (128 if shift else 0) for shift in (14, 7, 0))
def write(height, width, rest):
    open(out, "wb").write(b"BPG\\xfb\\0\\0" + number(width) + number(height) + b"\\0" + rest)
width, height = struct.unpack_from(">16xII", png)
"""
WRITE = "write(height, width, png + bytes(60 - int(qp)))\n"
DECODER = """
import os, sys, time
out = sys.argv[sys.argv.index("-o") + 1]
png = open(sys.argv[-1], "rb").read()[13:]
"""
READ = "open(out, 'wb').write(png)\n"

REAL = Bpg().unavailable


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Put stand-ins in the place of bpgenc and bpgdec; the arguments say how they go on after their start."""

    def programs(encoder=WRITE, decoder=READ):
        for name, text in {"bpgenc": ENCODER + encoder, "bpgdec": DECODER + decoder}.items():
            file = tmp_path / name
            file.write_text(f"#!{sys.executable} -IS\n{text}")
            file.chmod(0o755)
            monkeypatch.setenv(f"SUITE_{name.upper()}", str(file))
        bpg.help_text.cache_clear()
        return Bpg()

    yield programs
    bpg.help_text.cache_clear()


@pytest.fixture
def no_programs(monkeypatch):
    """Hide the programs, wherever they are."""
    monkeypatch.setenv("PATH", "")
    for variable in bpg.VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


def qp(value):
    return Setting("qp", value)


def test_keeps_the_contract(programs):
    assert [finding for finding in check_codec(programs()) if not finding.ok] == []


@pytest.mark.parametrize(
    ("parameters", "value", "said"),
    [
        ({}, 37, "-m 9 -f 420 -b 8 -e x265 -q 37 -o out.bpg in.png"),
        ({"chroma": "4:4:4", "level": 1, "encoder": "jctvc"}, 0, "-m 1 -f 444 -b 8 -e jctvc -q 0 -o out.bpg in.png"),
    ],
    ids=["default", "others"],
)
def test_passes_its_parameters_on(programs, tmp_path, parameters, value, said):
    seen = tmp_path / "seen"
    programs(encoder=f"open({str(seen)!r}, 'w').write(' '.join(sys.argv[1:]))\n" + WRITE)
    Bpg(**parameters).encode(photo(8, 9), qp(value))
    assert seen.read_text() == said


def test_brings_images_to_the_program_and_back(programs):
    codec, image = programs(), photo(17, 200)
    data = codec.encode(image, qp(20))
    assert announced_size(data) == (17, 200)
    assert np.array_equal(codec.decode(data), image)


def test_names_the_version(programs):
    assert programs().build == "BPG Image Encoder version 0.9.8"
    assert programs().unavailable is None


def test_settings_go_from_the_lowest_rate_to_the_highest():
    assert [setting.value for setting in Bpg().settings()] == list(range(51, -1, -1))


def test_can_be_made_and_asked_without_programs(no_programs):
    codec = registry.load("codec", "bpg").plugin
    for attempt in (lambda: codec.build, lambda: codec.encode(photo(8, 8), qp(30))):
        with pytest.raises(CodecError, match=r"no program 'bpgenc': install libbpg.*SUITE_BPGENC and SUITE_BPGDEC"):
            attempt()
    with pytest.raises(CodecError, match="no program 'bpgdec': install"):
        codec.decode(b"BPG\xfb\0\0\x08\x08\0picture")
    assert "install libbpg" in codec.unavailable


def test_a_variable_that_names_nothing_is_named(programs, monkeypatch):
    codec = programs()
    monkeypatch.setenv("SUITE_BPGDEC", "/no/such/bpgdec")
    assert "no program '/no/such/bpgdec'" in codec.unavailable


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ("sys.stderr.write('x' * 5000 + 'out of luck'); sys.exit(3)", "status 3.*out of luck"),
        ("os.kill(os.getpid(), 11)", "status -11"),
        ("print('nothing to do')", "wrote no file.*nothing to do"),
        ("open(out, 'wb')", "wrote an empty file"),
        ("open(out, 'wb').write(b'BPG')", "3 bytes are no BPG"),
        ("open(out, 'wb').write(b'BPG\\xfb\\0\\0\\x89')", "header is cut short"),
        ("open(out, 'wb').write(b'BPG\\xfb\\0\\0\\x08\\x08')", "without its picture"),
        ("write(height + 1, width, png)", r"size of \(9, 8\) for \(8, 8\)"),
    ],
)
def test_encoder_failures_say_what_happened(programs, encoder, said):
    with pytest.raises(CodecError, match=f"(?s){said}") as caught:
        programs(encoder=encoder).encode(photo(8, 8), qp(30))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        ("sys.exit('Could not decode image')", "status 1.*Could not decode image"),
        ("", "wrote no file"),
        ("open(out, 'wb')", "wrote an empty file"),
        ("open(out, 'wb').write(png[:20])", "20 bytes are no PNG of 9x8"),
        ("open(out, 'wb').write(png[:60])", "do not decode as PNG"),
        ("open(out, 'wb').write(b'P6 9 8 255 ' + bytes(216))", "no PNG of 9x8"),
        ("open(out, 'wb').write(png[:16] + bytes([0, 1, 0, 0]) + png[20:])", "no PNG of 9x8"),
    ],
)
def test_decoder_failures_say_what_happened(programs, decoder, said):
    codec = programs(decoder=decoder)
    data = codec.encode(photo(8, 9), qp(30))
    with pytest.raises(CodecError, match=f"(?s){said}"):
        codec.decode(data)


def test_a_program_that_cannot_start_is_a_codec_error(programs, tmp_path, monkeypatch):
    codec = programs()
    (tmp_path / "bpgenc").write_text("#!/no/such/interpreter\n")
    with pytest.raises(CodecError, match="cannot be written or read"):
        codec.encode(photo(8, 8), qp(30))


def test_an_encoder_that_is_not_compiled_in_is_refused(programs, monkeypatch):
    monkeypatch.setitem(globals(), "ENCODER", ENCODER.replace("jctvc x265", "jctvc"))
    with pytest.raises(CodecError, match="has the encoders jctvc, not x265"):
        programs().encode(photo(8, 8), qp(30))


def test_another_program_of_that_name_is_refused(programs, monkeypatch):
    monkeypatch.setitem(globals(), "ENCODER", ENCODER.replace("BPG Image Encoder", "Some Program"))
    with pytest.raises(CodecError, match=r"does not introduce itself as BPG's encoder: Some Program"):
        _ = programs().build


def start_sleeper(where):
    """Return lines that start a child which would outlive the program, and note its number."""
    return (
        f"child = os.fork()\nif child == 0: time.sleep(60); os._exit(0)\nopen({str(where)!r}, 'w').write(str(child))\n"
    )


def is_running(pid):
    """Whether a process is there and no zombie; nobody but its new parent can take a zombie away."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_for_end(pid):
    """Wait for the kernel to carry out a kill."""
    for _ in range(100):
        if not is_running(pid):
            return True
        time.sleep(0.02)
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@needs_proc
def test_a_time_out_ends_the_program_and_its_children(programs, tmp_path, monkeypatch):
    sleeper = tmp_path / "sleeper"
    codec = programs(
        encoder=start_sleeper(sleeper) + "print('still at it', flush=True); os.close(1); os.close(2); time.sleep(60)"
    )
    assert codec.build
    monkeypatch.setattr(bpg, "TIMEOUT_S", 1.0)
    started = time.monotonic()
    with pytest.raises(CodecError, match=r"bpgenc took more than 1 s\. It said: still at it"):
        codec.encode(photo(8, 8), qp(30))
    assert time.monotonic() - started < 30
    assert wait_for_end(int(sleeper.read_text()))


@needs_proc
def test_a_child_that_the_program_leaves_behind_is_ended(programs, tmp_path):
    sleeper = tmp_path / "sleeper"
    codec = programs(encoder=start_sleeper(sleeper) + WRITE)
    started = time.monotonic()
    assert codec.encode(photo(8, 8), qp(30))
    assert time.monotonic() - started < 30
    assert wait_for_end(int(sleeper.read_text()))


def test_leaves_no_files(programs, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    codec = programs(decoder="sys.exit(1)")
    data = codec.encode(photo(8, 8), qp(30))
    with pytest.raises(CodecError):
        codec.decode(data)
    assert os.listdir(folder) == []  # noqa: PTH208 - names


def test_refuses_decompression_bombs_before_decoding(no_programs):
    huge = b"\x8f\xff\xff\xff\x7f"
    with pytest.raises(CodecError, match="announces 4294967295x4294967295"):
        Bpg().decode(b"BPG\xfb\0\0" + huge + huge + b"\0picture")


@pytest.mark.parametrize(
    "parameters",
    [{"chroma": "4:2:2"}, {"level": 0}, {"level": 10}, {"level": True}, {"bit_depth": 10}, {"encoder": "x264"}],
    ids=str,
)
def test_refuses_parameters_that_are_not_implemented(parameters):
    ((name, value),) = parameters.items()
    with pytest.raises(UsageError, match=re.escape(f"bpg's {name}") + ".*" + re.escape(repr(value))):
        Bpg(**parameters)


@pytest.mark.parametrize("value", [-1, 52, 30.0, True, "30"])
def test_refuses_qps_that_bpg_has_not(value):
    with pytest.raises(CodecError, match=r"qp=0 to qp=51"):
        Bpg().encode(photo(8, 8), qp(value))


@pytest.mark.skipif(REAL is not None, reason=f"needs the real programs: {REAL}")
@pytest.mark.parametrize("chroma", ["4:2:0", "4:4:4"])
def test_the_real_programs_lose_less_with_a_lower_qp(chroma):
    codec, image = Bpg(chroma=chroma), photo(48, 65)
    streams = [codec.encode(image, qp(value)) for value in (45, 30, 10)]
    errors = [np.mean((codec.decode(data).astype(float) - image) ** 2) for data in streams]
    assert sorted(map(len, streams)) == [len(data) for data in streams]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 20
