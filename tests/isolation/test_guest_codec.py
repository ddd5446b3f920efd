"""Submitted codecs in two sandboxes: honest ones are what they are; who passes images beside the bytes fails."""

import os
import textwrap
import time

import numpy as np
import pytest

from suite.api import Setting
from suite.contracts import check_codec
from suite.contracts.specimens import photo
from suite.errors import CodecError, InvalidPlugin, PluginError, WorkerError
from suite.isolation import seccomp
from suite.isolation.sandbox import Limits
from suite.isolation.wire import Decode, Encode, Picture, Stream
from suite.registry import load
from suite.stages.codec_stage import Encoder, Original, Seen, code, frame_info
from tests.isolation.guests import model_text, needs_bubblewrap, opened, opened_codec, submitted_codec

pytestmark = needs_bubblewrap

IMAGE = photo(9, 8)
FIRST = Setting("step", 64)
CODEC = """
import ctypes, fcntl, os, socket, sys, tempfile, time
from multiprocessing import shared_memory
import numpy as np
from suite.api import Setting
from suite.errors import CodecError

KEPT = {{}}


class Plugin:
    name, version, build = "plugin", "1", "none"

    def settings(self):
        {settings}

    def encode(self, image, setting):
        {encode}

    def decode(self, data):
        {decode}
"""
ONE = "return [Setting('step', 64)]"
SIZED = "return image.shape[0].to_bytes(2) + image.shape[1].to_bytes(2) + image.tobytes()"
PLAIN = "return np.frombuffer(data[4:], np.uint8).reshape(int.from_bytes(data[:2]), int.from_bytes(data[2:4]), 3)"


def text_of(*, settings=ONE, encode=SIZED, decode=PLAIN):
    """Return the file of a codec: raw pixels behind their size, unless it is said otherwise."""
    parts = {"settings": settings, "encode": encode, "decode": decode}
    return CODEC.format(**{name: textwrap.indent(part, " " * 8).strip() for name, part in parts.items()})


def seen(image):
    return Seen(image, Original(image, 0, frame_info(image)))


@pytest.mark.parametrize("trusted", [False, True], ids=["sandboxed", "trusted"])
def test_the_codec_of_the_readme_keeps_the_contract_and_is_the_one_without_a_sandbox(tmp_path, trusted):
    (tmp_path / "own.py").write_text(submitted_codec())
    own = load("codec", f"{tmp_path}/own.py:HalfSizeSteps").plugin
    with opened_codec(tmp_path, submitted_codec(), plugin="HalfSizeSteps", trusted=trusted) as codec:
        assert [finding for finding in check_codec(codec) if not finding.ok] == []
        assert (codec.name, codec.version, codec.build) == (own.name, own.version, own.build)
        assert codec.settings() == own.settings()
        for setting in own.settings()[::21]:
            data = codec.encode(photo(31, 20), setting)
            assert data == own.encode(photo(31, 20), setting)
            assert np.array_equal(codec.decode(data), own.decode(data))


KEY = "return b'key'"
FOUND = "return np.frombuffer(found, np.uint8).reshape(9, 8, 3).copy()"
DATAGRAMS = "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"
CHEATS = {
    "memory": ("KEPT['key'] = image.tobytes()", "found = KEPT[data.decode()]"),
    "the plugin": ("self.kept = image.tobytes()", "found = self.kept"),
    "scratch": ("open('kept', 'wb').write(image.tobytes())", "found = open('kept', 'rb').read()"),
    "tmp": ("open('/tmp/kept', 'wb').write(image.tobytes())", "found = open('/tmp/kept', 'rb').read()"),
    "home": (
        "open(os.environ['HOME'] + '/.kept', 'wb').write(image.tobytes())",
        "found = open(os.environ['HOME'] + '/.kept', 'rb').read()",
    ),
    "shared memory": (
        "open('/dev/shm/kept', 'wb').write(image.tobytes())",
        "found = open('/dev/shm/kept', 'rb').read()",
    ),
    "another process": (
        "kept, (self.r, w) = image.tobytes(), os.pipe()\nos.fork() or (os.write(w, kept), time.sleep(9), os._exit(0))",
        "found = os.read(self.r, 216)",
    ),
    "abstract socket": (
        f"self.s = {DATAGRAMS}\nself.s.bind('\\0kept')\n{DATAGRAMS}.sendto(image.tobytes(), '\\0kept')",
        f"s = getattr(self, 's', None) or {DATAGRAMS}\ns.settimeout(1)\nfound = s.recv(216)",
    ),
}


def cheat(what):
    keep, find = CHEATS[what]
    return text_of(encode=f"{keep}\n{KEY}", decode=f"{find}\n{FOUND}")


def in_one_guest(codec):
    """Encode and decode in one and the same process: what a host would do that trusts."""
    guest = codec._encoder
    with guest.process() as process:
        process.memory.write_image(IMAGE)
        data = process.memory.read(guest.ask(process, Encode(9, 8, *FIRST), Stream).byte_count)
        process.memory.write(data)
        return data, process.memory.read_image(*guest.ask(process, Decode(len(data)), Picture))


@pytest.mark.parametrize("what", CHEATS)
def test_an_image_that_is_kept_beside_the_bytes_is_not_found(tmp_path, what):
    with opened_codec(tmp_path, cheat(what)) as codec:
        data, image = in_one_guest(codec)
        assert (data, image.tolist()) == (b"key", IMAGE.tolist()), "the cheat itself does not work"
        assert codec.encode(IMAGE, FIRST) == b"key"
        with pytest.raises(PluginError) as caught:
            codec.decode(b"key")
    assert caught.type.__name__ in {"KeyError", "AttributeError", "FileNotFoundError", "TimeoutError"}


SIGNALS = {
    "flock": "fcntl.flock(open(__file__), fcntl.LOCK_EX | fcntl.LOCK_NB)",
    "record lock": "fcntl.lockf(open(__file__), fcntl.LOCK_SH | fcntl.LOCK_NB)",
    "inotify": "checked(ctypes.CDLL(None, use_errno=True).inotify_init())",
    "keyring": "checked(ctypes.CDLL(None, use_errno=True).syscall(250, 0, -3, 1))",
    "mincore": "checked(ctypes.CDLL(None, use_errno=True).mincore(None, 0, None))",
}
CHECKED = """
import ctypes, fcntl, os
def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of keyctl is that of x86-64")
@pytest.mark.parametrize("what", SIGNALS)
def test_a_codec_cannot_signal_over_files_that_both_sandboxes_see(tmp_path, what):
    (tmp_path / "codec").mkdir()
    (tmp_path / "model").mkdir()
    text = CHECKED + text_of(encode=f"{SIGNALS[what]}\n{SIZED}")
    with opened_codec(tmp_path / "codec", text) as codec, pytest.raises(PluginError, match="Operation not permitted"):
        codec.encode(IMAGE, FIRST)
    with opened(tmp_path / "model", model_text(first=CHECKED, load=SIGNALS[what])) as model:
        model.load("cpu")  # which is not sealed, and may


def test_what_a_codec_needs_of_files_it_has(tmp_path):
    write = "with open('x', 'wb') as file:\n    os.set_inheritable(file.fileno(), False)\n    file.write(b'x')\n"
    with opened_codec(tmp_path, text_of(encode=write + SIZED)) as codec:
        assert np.array_equal(codec.decode(codec.encode(IMAGE, FIRST)), IMAGE)


def test_the_filter_ends_in_its_two_answers_and_no_jump_leaves_it():
    for here in seccomp.ARCHITECTURES.values():
        code = seccomp.compiled(here)
        lines = [seccomp.struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
        assert [line[::3] for line in lines[-2:]] == [(6, seccomp.ALLOWED), (6, seccomp.DENIED)]
        targets = {
            at + 1 + taken for at, (kind, *both, _) in enumerate(lines) if kind in (0x15, 0x35) for taken in both
        }
        assert targets <= set(range(len(lines)))
        denied = [line[3] for at, line in enumerate(lines) if line[0] == 0x15 and at + 1 + line[1] == len(lines) - 1]
        assert denied == [*here.calls, *seccomp.COMMANDS]


@pytest.mark.parametrize("apart", [False, True])
def test_a_decoder_that_remembers_earlier_bytes_has_none_apart(tmp_path, apart):
    remembers = "if len(data) > 1:\n    KEPT['k'] = data[1:]\nfound = KEPT['k']\n" + FOUND
    with opened_codec(tmp_path, text_of(decode=remembers), apart=apart) as codec:
        codec.decode(b"k" + IMAGE.tobytes())
        if apart:
            with pytest.raises(PluginError, match="'k'"):
                codec.decode(b"k")
        else:
            assert np.array_equal(codec.decode(b"k"), IMAGE)


def test_apart_no_encoder_is_alive_while_a_decoder_is(tmp_path):
    with opened_codec(tmp_path, text_of(), apart=True) as codec:
        for _ in range(2):
            data = codec.encode(IMAGE, FIRST)
            assert len(codec._encoder._all) == 1
            assert codec._decoder._all == []
            assert np.array_equal(codec.decode(data), IMAGE)
            assert codec._encoder._all == codec._decoder._all == []


@pytest.mark.parametrize(
    ("deeds", "error", "said"),
    [
        ({"encode": "raise ValueError('odd')"}, PluginError, "odd"),
        ({"encode": "raise CodecError('no')"}, CodecError, "no"),
        ({"encode": "raise SystemExit(3)"}, WorkerError, "status 3"),
        ({"encode": "os._exit(4)"}, WorkerError, "status 4"),
        ({"encode": "return None"}, CodecError, "Expected encode to give bytes, but got NoneType"),
        (
            {"encode": "return bytes(4 * image.nbytes + (1 << 20) + 1)"},
            CodecError,
            "1049441 bytes; 1049440 are allowed",
        ),
        ({"encode": "return bytes((1 << 30) + 1)"}, PluginError, "too many to hand over"),
        ({"encode": "time.sleep(99)"}, WorkerError, "did not answer within"),
        ({"decode": "while True: pass"}, WorkerError, "did not answer within"),
        ({"decode": "raise KeyError('x')"}, PluginError, "x"),
        ({"decode": "return None"}, CodecError, "got NoneType"),
        ({"decode": "return np.zeros((9, 8, 3))"}, CodecError, "float64"),
        ({"decode": "return np.zeros((9, 8), np.uint8)"}, CodecError, r"shape \(9, 8\)"),
        (
            {"decode": "return np.zeros((9, 7, 3), np.uint8)"},
            CodecError,
            r"shape \(9, 8, 3\), uint8, but got \(9, 7, 3\)",
        ),
    ],
)
def test_what_a_codec_does_wrong_is_its_own_failure_and_the_next_call_goes_on(tmp_path, deeds, error, said):
    limits = Limits(memory_bytes=2 << 30, start_s=20, call_s=2)
    began = time.monotonic()
    with opened_codec(tmp_path, text_of(**deeds), limits=limits) as codec:
        for _ in range(2):
            with pytest.raises(error, match=said):
                code(seen(IMAGE), encoder=Encoder(codec), settings=codec.settings())
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("return []", "Expected 1 to 512 settings of one parameter, but got 0"),
        ("return [Setting('step', n) for n in range(513)]", "but got 513"),
        ("return [Setting('step', 1), Setting('size', 2)]", "2 of 2|of 2"),
        ("return [Setting('step', 1), Setting('step', 1)]", "distinct values"),
        ("return [Setting('step', float('nan'))]", "cannot be|ended"),
        ("return [Setting('step', True)]", "cannot be|ended"),
        ("return [Setting('a b', 1)]", "a name of at most 64"),
        ("return [Setting('step', 'x' * 65)]", "at most 64"),
        ("return [Setting('step', 'x\\x1b[31m')]", "Expected build"),
        ("return [Setting('step', os.urandom(8).hex())]", "says two things of itself"),
        ("return None", "NoneType"),
    ],
)
def test_settings_that_are_none_are_refused_at_the_start(tmp_path, settings, said):
    with pytest.raises(PluginError, match=said), opened_codec(tmp_path, text_of(settings=settings)):
        pass


def test_a_setting_that_it_does_not_have_is_not_asked_for(tmp_path):
    with opened_codec(tmp_path, text_of(encode="os._exit(1)")) as codec:
        for setting in (Setting("step", 63), Setting("other", 64)):
            with pytest.raises(CodecError, match="has no setting"):
                codec.encode(IMAGE, setting)


def test_one_that_codes_by_chance_is_found_by_the_contract(tmp_path):
    chance = SIZED.replace("image.tobytes()", "image.tobytes() + os.urandom(1)")
    with opened_codec(tmp_path, text_of(encode=chance, decode=PLAIN.replace("data[4:]", "data[4:-1]"))) as codec:
        failed = {finding.check for finding in check_codec(codec) if not finding.ok}
    assert "deterministic" in failed


def test_two_objects_of_one_codec_have_to_be_alike(tmp_path):
    with (
        pytest.raises(InvalidPlugin, match="two things"),
        opened_codec(
            tmp_path, text_of().replace('build = "plugin", "1", "none"', 'build = "plugin", "1", os.urandom(4).hex()')
        ),
    ):
        pass
