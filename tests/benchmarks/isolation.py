"""What does it cost to keep a plugin apart?

With one thread an operator, on images of pv-cells, for a submission and the built-in model that it is the same as:
  (a) images/s through geometry and prediction as the pipeline calls them, in this process and in the sandbox, at each
      batch size; both sides in turns, medians, and the sandbox's over this process's. Their scores are compared first;
  (b) milliseconds an image that a model without any work takes in the sandbox: what handing over costs by itself;
  (c) seconds from a kept environment to a plugin that has said what it is, and to have its weights loaded;
  (d) seconds beyond its time limit until a plugin that runs away has ended, with all that it started.
Nothing here asserts on a clock.

    python -m tests.benchmarks.isolation submissions/NAME/plugin.py --model pv-efficientnet-lite0
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite import registry
from suite.api import FrameInfo, Image, Model
from suite.errors import WorkerError
from suite.heap import keep_freed_memory
from suite.isolation.sandbox import Limits
from suite.stages.model_stage import Predictor, fitted, prepare_worker
from suite.submission.guests import Terms, received
from tests.isolation.guests import model_text, opened

CONSTANT = "return [Classification(np.zeros(2, np.float32)) for image in images]"
RUNAWAYS = {
    "loops": "while True: pass",
    "sleeps, deaf to signals": "import signal\n"
    "for number in {*range(1, 32)} - {9, 19}: signal.signal(number, signal.SIG_IGN)\n"
    "time.sleep(1e6)",
    "loops in 16 processes that leave its group": "for _ in range(4): os.fork()\nos.setsid()\nwhile True: pass",
}
LIMIT_S = 2.0
MOST_WAIT_S = 30.0


class Seen(NamedTuple):
    """Decoded images, and what a model may know of them."""

    images: list[Image]
    infos: list[FrameInfo]


class Stages(NamedTuple):
    """Seconds that a batch takes."""

    geometry_s: float
    predict_s: float

    @property
    def total_s(self) -> float:
        """Both."""
        return self.geometry_s + self.predict_s


def cells(count: int) -> Seen:
    """Return the first test images of pv-cells."""
    dataset = registry.load("dataset", "pv-cells", split="test").plugin
    images = [dataset.read(sample).image for sample in dataset.samples()[:count]]
    return Seen(images, [FrameInfo(width=image.shape[1], height=image.shape[0]) for image in images])


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def scores_of(model: Model, seen: Seen) -> np.ndarray:
    """Return the scores of one batch, shape (images, classes)."""
    return np.stack([prediction.scores for prediction in model.predict(fitted(model, seen.images), seen.infos)])


def batch_stages(model: Model, seen: Seen) -> Stages:
    """Return what one batch takes."""
    predictor = Predictor(model, batch=len(seen.images), permits=1, notice=print)
    fit: list[Image] = []
    geometry_s = timed(lambda: fit.extend(fitted(model, seen.images)))
    return Stages(geometry_s, timed(lambda: predictor.predict(fit, seen.infos)))


def in_turns(models: Sequence[Model], seen: Seen, batch: int, repeats: int) -> list[Stages]:
    """Return the medians of each model, which take every batch one after the other, each being first as often."""
    found: list[list[Stages]] = [[] for _ in models]
    for turn in range(-2, repeats):  # the first two warm up
        start = turn * batch % len(seen.images)
        part = Seen(*(each[start : start + batch] for each in seen))
        for number in sorted(range(len(models)), reverse=bool(turn % 2)):
            stages = batch_stages(models[number], part)
            found[number] += [stages] if turn >= 0 else []
    return [Stages(*map(statistics.median, zip(*each, strict=True))) for each in found]


def compare(here: Model, apart: Model, seen: Seen, arguments: argparse.Namespace) -> None:
    """Print (a)."""
    for batch in arguments.batch:
        few = Seen(*(each[:batch] for each in seen))
        moved = float(np.abs(scores_of(here, few) - scores_of(apart, few)).max())
        inside, outside = in_turns([here, apart], seen, batch, max(arguments.repeats, arguments.seen // batch))
        print(
            f"batch {batch:2}: {batch / inside.total_s:6.2f} images/s here, {batch / outside.total_s:6.2f} apart "
            f"({inside.total_s / outside.total_s:.3f}); geometry {1e3 * inside.geometry_s / batch:.2f} and "
            f"{1e3 * outside.geometry_s / batch:.2f} ms, prediction {1e3 * inside.predict_s / batch:.2f} and "
            f"{1e3 * outside.predict_s / batch:.2f} ms an image; scores differ by {moved:g}"
        )


def handing_over(seen: Seen, arguments: argparse.Namespace) -> None:
    """Print (b), with images of the size that the cells have."""
    with tempfile.TemporaryDirectory() as root, opened(Path(root), model_text(predict=CONSTANT)) as model:
        model.load("cpu")
        for batch in arguments.batch:
            (stages,) = in_turns([model], seen, batch, 50)
            print(
                f"batch {batch:2}: handing over takes {1e3 * stages.geometry_s / batch:.3f} ms an image for geometry, "
                f"{1e3 * stages.predict_s / batch:.3f} ms for prediction"
            )


def starting(arguments: argparse.Namespace) -> None:
    """Print (c)."""
    starts, loads = [], []
    for _ in range(arguments.starts + 1):  # the first may build the environment
        begin = time.perf_counter()
        with received(arguments.plugin, Terms(current=arguments.current_environment)) as visitor:
            starts.append(time.perf_counter() - begin)
            loads.append(timed(lambda visitor=visitor: visitor.plugin.load("cpu")))
    said = ", then ".join(f"{seconds:.2f}" for seconds in starts)
    print(f"start: {said} s; load, in a new process: median {statistics.median(loads):.2f} s")


def running_away() -> None:
    """Print (d)."""
    for what, deed in RUNAWAYS.items():
        with tempfile.TemporaryDirectory() as root:
            text = model_text(predict=deed)
            with opened(Path(root), text, limits=Limits(call_s=LIMIT_S)) as model:
                model.load("cpu")
                image = np.zeros((8, 8, 3), np.uint8)
                begin = time.perf_counter()
                with suppress(WorkerError):
                    model.predict([image], [FrameInfo(width=8, height=8)])
                said_s = time.perf_counter() - begin - LIMIT_S
                while running(root) and time.perf_counter() - begin < LIMIT_S + MOST_WAIT_S:
                    time.sleep(0.001)
                over_s = time.perf_counter() - begin - LIMIT_S
        print(f"{what}: {said_s:.3f} s beyond its {LIMIT_S:g} s the host goes on; by {over_s:.3f} s all have ended")


def running(root: str) -> bool:
    """Whether there is a process whose command names that directory."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if root.encode() in (process / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plugin", type=Path, help="the file of the submission")
    parser.add_argument("--model", default="pv-efficientnet-lite0", help="the same model, in this process")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seen", type=int, default=64, help="images, a multiple of each batch size")
    parser.add_argument("--repeats", type=int, default=10, help="batches of each size, at least")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--current-environment", action="store_true")
    arguments = parser.parse_args()
    keep_freed_memory()  # as a run does
    prepare_worker(1, tf32=False)
    seen = cells(arguments.seen)
    here = registry.load("model", arguments.model).plugin
    here.load("cpu")
    starting(arguments)
    with received(arguments.plugin, Terms(current=arguments.current_environment)) as visitor:
        visitor.plugin.load("cpu")
        compare(here, visitor.plugin, seen, arguments)
    handing_over(seen, arguments)
    running_away()


if __name__ == "__main__":
    main()
