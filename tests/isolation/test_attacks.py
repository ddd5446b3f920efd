"""Plugins that mean harm: each is a real file in a real sandbox, fails with a reason, and leaves nothing behind."""

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from suite import registry
from suite.api import FrameInfo
from suite.contracts import check_model
from suite.contracts.specimens import photo
from suite.errors import PluginError, PredictionError, WorkerError
from suite.isolation import sandbox
from suite.isolation.sandbox import SCRATCH, Limits
from suite.isolation.wire import MESSAGES, Made, Picture, Scores
from tests.isolation.guests import QUICK, model_text, needs_bubblewrap, opened

pytestmark = needs_bubblewrap

ROOT = Path(__file__).resolve().parents[2]
IMAGES = [photo(9, 8, seed=number) for number in range(3)]
INFOS = [FrameInfo(8, 9)] * 3
MADE, PICTURE, SCORES = (MESSAGES.index(kind) for kind in (Made, Picture, Scores))
SHORT = Limits(memory_bytes=2 << 30, start_s=3, load_s=2, call_s=2)


BOXES = "(lambda n: type('Boxes', (), {'boxes': np.zeros((n, 4), np.float32), 'scores': np.ones(n, np.float32)})())"


def left_behind(marker):
    """Return the processes of this machine whose command or environment holds a word."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (process / "cmdline").read_bytes() + (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


def none_left(marker, within_s=5.0):
    """Whether no such process is left, soon."""
    over = time.monotonic() + within_s
    while left_behind(marker) and time.monotonic() < over:
        time.sleep(0.05)
    return not left_behind(marker)


def used_twice(tmp_path, text, limits):
    """Load a plugin and have it predict the same twice."""
    with opened(tmp_path, text, limits=limits) as model:
        model.load("cpu")
        model.predict(IMAGES, INFOS)
        model.predict(IMAGES, INFOS)


def refused(tmp_path, *, error=PluginError, match, limits=SHORT, **deeds):
    """Check that a plugin that does that fails in `load` or `predict` for that reason."""
    with pytest.raises(error) as caught:
        used_twice(tmp_path, model_text(**deeds), limits)
    assert re.search(match, f"{caught.type.__name__}: {caught.value}")


def held_files():
    """Return files that the host has and no plugin may read: each exists here."""
    import elpv_dataset

    images = Path(elpv_dataset.__file__).parent
    return {
        "system": "/etc/shadow",
        "users": "/etc/passwd",
        "dataset": str(next(path for path in images.rglob("*") if path.is_file())),
        "repository": str(ROOT / "README.md"),
        "submissions": str(ROOT / "submissions" / "README.md"),
        "history": str(ROOT / ".git" / "HEAD"),
        "processes": f"/proc/{os.getpid()}/environ",
    }


@pytest.mark.parametrize("what", ["system", "users", "dataset", "repository", "submissions", "history", "processes"])
def test_files_of_the_host_are_not_there(tmp_path, what):
    path = held_files()[what]
    assert Path(path).exists()
    with (
        pytest.raises(PluginError, match=r"No such file|Permission denied"),
        opened(tmp_path, model_text(load=f"print(open({path!r}, 'rb').read(1))")) as model,
    ):
        model.load("cpu")


def test_a_database_beside_the_plugin_is_not_there(tmp_path):
    database = tmp_path / "suite.db"
    database.write_bytes(b"rows")
    refused(tmp_path, match="No such file", load=f"open({str(database)!r})")


@pytest.mark.parametrize(
    "path", ["/usr/lib/x", "/x", "/dev/x", "/proc/x", "{folder}/x", "{folder}/plugin.py", "/etc/x"]
)
def test_nothing_outside_the_scratch_can_be_written(tmp_path, path):
    there = path.format(folder=tmp_path / "plugin")
    refused(tmp_path, match="Read-only|Permission|No such file", load=f"open({there!r}, 'w').write('x')")
    assert not Path(there).exists() or Path(there).name == "plugin.py"


def test_nothing_is_written_into_the_repository(tmp_path):
    with opened(tmp_path, model_text(load=f"open({str(ROOT / 'written')!r}, 'w').write('x')")) as model:
        with suppress(PluginError):  # a checkout below /tmp is below the plugin's own, empty /tmp
            model.load("cpu")
        assert not (ROOT / "written").exists()


def test_the_scratch_can_be_written_and_is_gone_afterwards(tmp_path):
    name = f"mark-{secrets.token_hex(8)}"
    text = model_text(load=f"open('/tmp/{name}', 'w').write('x'); open('{name}').read()")
    with opened(tmp_path, text) as model:
        model.load("cpu")
    assert not (Path(SCRATCH) / name).exists()


def test_a_full_scratch_costs_the_plugin_only(tmp_path):
    fill = "f = open('/tmp/big', 'wb')\nfor _ in range(200): f.write(bytes(1 << 20))"
    limits = Limits(memory_bytes=2 << 30, scratch_bytes=64 << 20, load_s=20)
    refused(tmp_path, match="No space left|File too large", load=fill, limits=limits)


def test_a_file_has_an_end(tmp_path):
    limits = Limits(memory_bytes=2 << 30, file_bytes=8 << 20, load_s=20)
    refused(tmp_path, match="File too large", load="open('/tmp/big', 'wb').write(bytes(16 << 20))", limits=limits)


def test_open_files_have_an_end(tmp_path):
    limits = Limits(memory_bytes=2 << 30, open_files=64, load_s=20)
    refused(tmp_path, match="Too many open files", load="kept = [open('/dev/null') for _ in range(64)]", limits=limits)


STAND_INS = ("/dev/kmsg", "/dev/fuse", "/dev/loop-control", "/dev/net/tun")


@pytest.mark.skipif(not any(map(os.path.exists, STAND_INS)), reason="needs a device that no sandbox has by itself")
@pytest.mark.parametrize("asked", [True, False])
def test_an_accelerator_is_there_where_it_is_asked_for_only(tmp_path, monkeypatch, asked):
    device = next(filter(os.path.exists, STAND_INS))
    monkeypatch.setattr(sandbox, "ACCELERATORS", (device,))
    with opened(tmp_path, model_text(load=f"assert os.path.exists({device!r}) == {asked}"), accelerator=asked) as model:
        model.load("cpu")


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("socket.create_connection(('127.0.0.1', 22), 1)", "refused|unreachable|Permission|not permitted"),
        ("socket.create_connection(('192.0.2.1', 80), 1)", "unreachable|Permission|not permitted"),
        ("socket.getaddrinfo('example.org', 80)", "resolution|Name or service|Permission"),
        ("s = socket.socket(); s.bind(('', 0)); s.listen(); s.accept()", "Permission denied|not permitted"),
        ("s = socket.socket(socket.AF_UNIX); s.connect('\\0/tmp/.X11-unix/X0')", "refused|not permitted|Permission"),
    ],
)
def test_there_is_no_network(tmp_path, deed, said):
    refused(tmp_path, match=said, load=deed)


@pytest.mark.parametrize("where", ["import", "load", "predict"])
@pytest.mark.parametrize("deed", ["while True: pass", "time.sleep(1e6)"])
def test_what_never_ends_is_ended_in_time(tmp_path, where, deed):
    began = time.monotonic()
    refused(
        tmp_path, error=WorkerError, match="did not answer within", **{"first" if where == "import" else where: deed}
    )
    limit = {"import": SHORT.start_s, "load": SHORT.load_s, "predict": SHORT.call_s}[where]
    assert time.monotonic() - began < limit + 2 + 8  # the rest is starting it, on a busy machine


def test_a_fork_bomb_is_contained(tmp_path):
    bomb = "while True:\n    os.fork()"
    reason = "temporarily unavailable|had [0-9]+ processes and threads; 40 are allowed"  # the latter where root asks
    refused(tmp_path, match=reason, load=bomb, limits=Limits(processes=40, load_s=20))
    assert none_left(str(tmp_path))


@pytest.mark.parametrize(
    "deed", ["np.ones(100 << 30, np.uint8)", "bytearray(100 << 30)", "x = [bytes(1 << 26) for _ in range(999)]"]
)
def test_memory_ends_for_the_plugin_only(tmp_path, deed):
    refused(tmp_path, match="MemoryError", load=deed, limits=Limits(memory_bytes=1 << 30))


@pytest.mark.parametrize(
    "deed",
    [
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "os.kill(os.getpid(), 9)",
        "os._exit(3)",
        "os.abort()",
        "sys.exit(3)",
    ],
)
def test_one_that_kills_whom_it_can_kills_itself(tmp_path, deed):
    refused(tmp_path, match="ended|No such process|not permitted", predict=deed + "\ntime.sleep(1)")


def test_a_signal_does_not_reach_the_host(tmp_path):
    refused(tmp_path, match="No such process|not permitted", load=f"os.kill({os.getpid()}, 15)")


REPLY = """
for number in range(3, 99):
    try:
        if os.readlink(f"/proc/self/fd/{number}").startswith("socket"):
            line = socket.socket(fileno=number)
    except OSError:
        pass
"""


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (f"struct.pack('<II', {MADE}, 1 << 31) + bytes(9)", f"but got number {MADE} and 2147483648 bytes"),
        (f"struct.pack('<II', {SCORES}, 1 << 16) + b'[' * (1 << 16)", "cannot be read"),
        (f"struct.pack('<II', {SCORES}, 99) + b'[3,2'", "did not answer within"),
        (f"struct.pack('<II', {SCORES}, 4) + b'nope'", "cannot be read"),
        (f"struct.pack('<II', {SCORES}, 20) + b'[1000000000,1000000]'", "Scores cannot be|Expected 3 predictions"),
        (f"struct.pack('<II', {SCORES}, 6) + b'[-3,2]'", "cannot be -3"),
        (f"struct.pack('<II', {PICTURE}, 9) + b'[\"x\",3,4]'", "Expected the|cannot be"),
        ("__import__('pickle').dumps(os.getpid)", "but got number"),
    ],
)
def test_replies_that_are_none_are_refused(tmp_path, reply, said):
    deed = REPLY.strip() + f"\nline.sendall({reply})\ntime.sleep(9)"
    refused(tmp_path, error=PluginError, match=said, predict=deed)


def test_a_reply_byte_by_byte_does_not_put_off_the_end(tmp_path):
    part = f"bytes([{SCORES}]) + bytes(3) + b'\\x90' + bytes(99)"
    drip = REPLY.strip() + f"\nfor byte in {part}:\n    line.sendall(bytes([byte])); time.sleep(0.5)"
    refused(tmp_path, error=WorkerError, match="did not answer within", predict=drip)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("[Classification(np.full(2, np.nan, np.float32))] * len(images)", "finite"),
        ("[Classification(np.full(2, np.inf, np.float32))] * len(images)", "finite"),
        ("[Classification(np.zeros(2))] * len(images)", "float32 of shape"),
        ("[Classification(np.zeros(3, np.float32))] * len(images)", r"shape \(2,\)"),
        ("[Classification(np.zeros(2, np.float32))]", "Expected 3 predictions of 2 scores, but got 1"),
        ("[Classification(np.zeros(2, np.float32))] * 100_000", "Expected 3 predictions of 2 scores, but got 100000"),
        ("[b'cos\\nsystem\\n'] * len(images)", "float32 of shape"),
        ("[lambda: 0] * len(images)", "float32 of shape"),
        (f"[{BOXES}(10**7)] * len(images)", "float32 of shape"),
        ("None", "NoneType"),
    ],
)
def test_answers_that_are_no_predictions_are_refused(tmp_path, answer, said):
    refused(tmp_path, match=said, predict=f"return {answer}")


def test_scores_that_are_written_past_the_checks_are_looked_at_again(tmp_path):
    cheat = "import suite.isolation.answers as a\na.table_of = lambda p, c: np.full((3, 2), np.nan, np.float32)"
    refused(tmp_path, error=PredictionError, match="finite", predict=cheat)


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ("np.zeros((10**7, 4), np.float32)", "Expected 3 predictions of 2 scores, but got 10000000 of 4"),
        ("np.full((3, 4), -1e9, np.float32)", "Expected 3 predictions of 2 scores, but got 3 of 4"),
        ("np.zeros((10**8, 4), np.float32)", "too many to hand over at once|MemoryError"),
    ],
)
def test_boxes_by_the_million_and_out_of_every_image_are_no_scores(tmp_path, boxes, said):
    cheat = f"import suite.isolation.answers as a\na.table_of = lambda p, c: {boxes}"
    refused(tmp_path, match=said, limits=QUICK, predict=cheat)


def test_one_that_changes_its_answers_is_found(tmp_path):
    fickle = "self.seen = getattr(self, 'seen', 0) + 1\nimages = [image + np.uint8(self.seen) for image in images]"
    with opened(tmp_path, model_text(predict=fickle)) as model:
        failed = {finding.check for finding in check_model(model) if not finding.ok}
    assert "deterministic" in failed


def test_megabytes_of_print_stop_nothing(tmp_path):
    shout = "for _ in range(64): print('x' * (1 << 20)); print('y' * (1 << 20), file=sys.stderr)"
    with opened(tmp_path, model_text(load=shout)) as model:
        model.load("cpu")
        assert len(model.predict(IMAGES, INFOS)) == 3


def test_the_last_words_are_in_the_reason(tmp_path):
    refused(tmp_path, error=WorkerError, match="last printed: goodbye", load="print('goodbye'); os._exit(1)")


def test_children_end_with_the_plugin(tmp_path):
    marker = secrets.token_hex(12)
    leave = f"""
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(1e6)", "{marker}"])
    os._exit(0)
time.sleep(0.5)
"""
    with opened(tmp_path, model_text(load=leave.strip())) as model:
        model.load("cpu")
        assert left_behind(marker)
    assert none_left(marker)


def test_one_that_deletes_itself_is_still_there(tmp_path):
    refused(tmp_path, match="Read-only|Permission|busy", load="os.unlink(__file__)")
    assert (tmp_path / "plugin" / "plugin.py").is_file()


def test_no_name_size_or_truth_of_a_sample_is_shown(tmp_path):
    tell = "raise RuntimeError(repr((frames, [type(i).__name__ for i in images], sorted(vars(self)))))"
    refused(tmp_path, match=r"FrameInfo\(width=8, height=9\).*\['ndarray', 'ndarray', 'ndarray'\], \[\]", predict=tell)


def test_nothing_of_the_users_variables_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    ours = "PYTHON|OMP_|MKL_|OPENBLAS_"
    rest = {"PATH", "HOME", "TMPDIR", "LANG", "PWD"}
    look = f"import re\nassert not [n for n in {{*os.environ}} - {rest!r} if not re.match({ours!r}, n)], [*os.environ]"
    with opened(tmp_path, model_text(load=look)) as model:
        model.load("cpu")


def test_privileges_cannot_be_had_back(tmp_path):
    ask = """
import subprocess
done = subprocess.run(["mount", "-t", "tmpfs", "x", "/usr"], capture_output=True)
raise RuntimeError(done.stderr)
"""
    refused(tmp_path, match="denied|superuser|permission|not permitted|must be", load=ask.strip())


def test_the_host_goes_on_after_all_of_it(tmp_path):
    with opened(tmp_path, model_text()) as model:
        model.load("cpu")
        scores = [prediction.scores for prediction in model.predict(IMAGES, INFOS)]
    assert np.allclose([row[0] for row in scores], [image.mean() for image in IMAGES], atol=1e-3)
    assert registry.load("mitigation", "none")
