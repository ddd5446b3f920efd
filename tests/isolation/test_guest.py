"""Submitted plugins that behave: what comes back through the sandbox is what they computed."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from suite.api import Frame, FrameInfo
from suite.contracts import check_model, check_restoration
from suite.contracts.specimens import photo
from suite.errors import PluginError, PredictionError, WorkerError
from suite.isolation.sandbox import Limits, worker_tree
from suite.isolation.watch import family, usage
from tests.isolation.guests import model_text, needs_bubblewrap, opened

pytestmark = needs_bubblewrap

RESTORATION = """
import numpy as np

class Plugin:
    name, version = "plugin", "1"

    def load(self, device):
        self.device = device

    def restore(self, frames):
        {deed}
        return [(frame.image + np.uint8(len(frame.data) + frame.info.width)) for frame in frames]
"""


@pytest.fixture(params=[False, True], ids=["sandboxed", "trusted"])
def trusted(request):
    return request.param


def test_a_model_keeps_the_contract(tmp_path, trusted):
    with opened(tmp_path, model_text(), trusted=trusted) as model:
        assert [finding for finding in check_model(model) if not finding.ok] == []


def test_a_restoration_keeps_the_contract_and_sees_bitstreams_and_sizes(tmp_path, trusted):
    frames = [
        Frame(photo(9, 8), b"", FrameInfo(8, 9)),
        Frame(photo(17, 33, seed=1), b"abc", FrameInfo(100, 17)),
        Frame(photo(1, 1, seed=2), b"x" * 70, FrameInfo(1, 1)),
    ]
    with opened(tmp_path, RESTORATION.format(deed="pass"), kind="mitigation", trusted=trusted) as restoration:
        assert [finding for finding in check_restoration(restoration) if not finding.ok] == []
        restored = restoration.restore(frames)
    for frame, image in zip(frames, restored, strict=True):
        assert np.array_equal(image, frame.image + np.uint8(len(frame.data) + frame.info.width))


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("return []", "Expected images of"),
        ("return [frame.image[:-1] for frame in frames]", "at least 1x1|Expected images of"),
        ("return [frame.image.astype(float) for frame in frames]", "uint8"),
        ("frames[0].image[:] = 0", "Expected|read-only|None"),
    ],
)
def test_restorations_that_are_none_are_refused(tmp_path, deed, said):
    frames = [Frame(photo(9, 8), b"", FrameInfo(8, 9))]
    text = RESTORATION.format(deed=deed)
    with opened(tmp_path, text, kind="mitigation") as restoration:
        if deed.startswith("frames"):  # its own copy: the host's stays
            restoration.restore(frames)
            assert np.array_equal(frames[0].image, photo(9, 8))
            return
        with pytest.raises(PluginError, match=said):
            restoration.restore(frames)


def test_a_process_that_died_is_replaced_and_loads_again(tmp_path):
    with opened(tmp_path, model_text(load="self.loaded = True", predict="assert self.loaded")) as model:
        model.load("cpu")
        before = model.predict([photo(9, 8)], [FrameInfo(8, 9)])[0].scores
        for process in model._guest._all:
            process.kill()
        assert np.array_equal(model.predict([photo(9, 8)], [FrameInfo(8, 9)])[0].scores, before)


def test_a_large_batch_passes(tmp_path):
    images = [photo(64, 64, seed=number) for number in range(256)]
    with opened(tmp_path, model_text()) as model:
        model.load("cpu")
        scores = model.predict(images, [FrameInfo(64, 64)] * 256)
    assert [row.scores[0] for row in scores] == pytest.approx([image.mean() for image in images], abs=1e-2)


def test_a_batch_that_is_too_large_is_refused_and_not_sent(tmp_path):
    with opened(tmp_path, model_text()) as model:
        model.load("cpu")
        with pytest.raises((WorkerError, PredictionError), match="sizes of Predict cannot be"):
            model.predict([photo(1, 1)] * 1281, [FrameInfo(1, 1)] * 1281)


def test_the_worker_has_a_few_files_of_the_suite_and_no_more():
    names = {str(path.relative_to(worker_tree())) for path in worker_tree().rglob("*.py")}
    assert "suite/isolation/worker.py" in names
    assert not [name for name in names if "db" in name or "runner" in name or name.startswith("plugins")]


def test_a_trusted_plugin_writes_to_its_scratch_and_nowhere_else(tmp_path):
    outside = tmp_path / "outside"
    deed = f"open(os.environ['HOME'] + '/x', 'w').write('x')\nopen({str(outside)!r}, 'w')"
    with opened(tmp_path, model_text(load=deed), trusted=True) as model, pytest.raises(PluginError, match="denied"):
        model.load("cpu")
    assert (tmp_path / "scratch" / "x").is_file()
    assert not outside.exists()


def test_what_a_family_uses_is_counted():
    assert os.getpid() in family(os.getpid())
    hold = "import sys; kept = bytearray(b'x') * (1 << 27); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert 1 << 27 < usage(child.pid).memory_bytes < 1 << 28
        assert usage(child.pid).tasks == 1
        child.stdin.close()
    assert usage(1 << 22).tasks == 0


def test_a_family_that_grows_over_its_memory_is_ended(tmp_path):
    share = """
for _ in range(8):
    if not os.fork():
        x = bytes(1) * (100 << 20)
        time.sleep(60)
time.sleep(60)
"""
    began = time.monotonic()
    with (
        opened(tmp_path, model_text(load=share.strip()), limits=Limits(memory_bytes=400 << 20, load_s=50)) as model,
        pytest.raises(WorkerError, match=r"Its processes had [0-9]+ MiB of memory; 400 MiB are allowed"),
    ):
        model.load("cpu")
    assert time.monotonic() - began < 40
    assert not [path for path in Path("/proc").glob("[0-9]*") if str(tmp_path) in environment_of(path)]


def environment_of(process):
    try:
        return (process / "environ").read_text(errors="replace")
    except OSError:
        return ""


def test_a_process_outlives_the_thread_that_asked_for_it(tmp_path):
    with opened(tmp_path, model_text(predict="time.sleep(0.3)")) as model:
        model.load("cpu")
        model._guest.close()  # the next to ask starts one
        with ThreadPoolExecutor(1) as short:
            short.submit(model.predict, [photo(9, 8)], [FrameInfo(8, 9)]).result()
        first = model._guest._all[0]
        assert len(model.predict([photo(9, 8)], [FrameInfo(8, 9)])) == 1
        assert first.alive
        assert [process.pid for process in model._guest._all] == [first.pid]
