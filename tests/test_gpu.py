"""On a GPU the same protocol gives the same answers; runs wherever there is one."""

import pytest
import torch

from suite import protocols, registry, runner
from suite.db import outcomes, queries
from suite.db.engine import open_for_reading
from suite.lineup import Choice
from suite.progress import Silent
from suite.tuning import Wish

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
MODEL = "pv-efficientnet-lite0"


class Listening(Silent):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def run(path, device, *, wish=None, progress=None):
    spec = protocols.load("pv-cells@1")
    choice = Choice(models=(MODEL,), settings=("10", "90"), limit=120)
    runner.run(spec, choice, database=path, device=device, wish=wish or Wish(), progress=progress or Silent())
    return queries.results(open_for_reading(path))


def answers(path, results):
    directory = outcomes.outcomes_directory(path)
    return {
        str(stored.result.cell.condition): outcomes.read(directory, stored.result.outcomes).to_pydict()
        for stored in results
    }


def test_the_gpu_answers_as_the_cpu_does(tmp_path):
    paths = {"cpu": tmp_path / "cpu.db", "cuda": tmp_path / "cuda.db"}
    found = {device: answers(path, run(path, device)) for device, path in paths.items()}
    assert found["cpu"].keys() == found["cuda"].keys()
    for condition, on_cpu in found["cpu"].items():
        on_gpu = found["cuda"][condition]
        assert on_gpu["predicted"] == on_cpu["predicted"]
        assert on_gpu["score"] == pytest.approx(on_cpu["score"], abs=1e-3)


def test_the_two_are_different_environments(tmp_path):
    digests = {run(tmp_path / f"{device}.db", device)[0].environment for device in ("cpu", "cuda")}
    assert len(digests) == 2


def test_tf32_stays_off(tmp_path):
    run(tmp_path / "r.db", "cuda")
    a = torch.full((64, 64), 1 + 2**-12, device="cuda")
    assert torch.equal(a @ torch.eye(64, device="cuda"), a)


def test_out_of_memory_halves_the_batch_and_says_so(tmp_path):
    registry.load("model", MODEL).plugin.load("cuda:0")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    room = torch.cuda.memory_reserved() + 100 * 2**20  # 120 images need several times as much
    torch.cuda.set_per_process_memory_fraction(room / total)
    listening = Listening()
    try:
        results = run(tmp_path / "r.db", "cuda", wish=Wish(batch=128), progress=listening)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any("out of memory at batch" in note for note in listening.notes)
    assert all(stored.result.status == "ok" for stored in results)
