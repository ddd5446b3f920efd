"""Batch size, memory layout and thread split, chosen by measuring a model on this host; kept for the next run.

None of them is part of a result's identity: a protocol's predictions may not depend on them. On a CPU many workers
with one thread each and small batches win by far; on an accelerator one worker at a time drives it with large ones.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from suite.api import FrameInfo, Image, LayoutChoice, Model
from suite.digest import digest_of
from suite.environment import cores
from suite.home import home, write_atomically
from suite.pipeline import attempt
from suite.spec import Tuning
from suite.stages.model_stage import fitted, out_of_memory, prepare_worker

CPU_BATCHES = (1, 2, 4, 8, 16)
GPU_BATCHES = (32, 64, 128, 256)
SMALLEST_BLOCK = 16
SECONDS_EACH = 0.4
CACHE = "tuning.json"


class Split(NamedTuple):
    """Workers, and the threads that each gives to an operator."""

    workers: int
    threads: int


class Choice(NamedTuple):
    """A model's batch and layout, and how many images a second they gave under each split."""

    batch: int
    layout: str
    rates: dict[str, float]


class Wish(NamedTuple):
    """What the user asked for; None leaves it to measurement."""

    batch: int | None = None
    workers: int | None = None


def tune(
    models: Mapping[str, Model],
    digests: Mapping[str, str],
    *,
    device: str,
    host: str,
    images: Sequence[Image],
    tf32: bool,
    wish: Wish,
) -> Tuning:
    """Return how to run loaded ``models`` (by name) on this host, measuring those that it has not measured before.

    ``images`` are a few real ones; ``host`` is the environment's digest. A model that fails here is given the smallest
    batch: it will fail again where its cells are measured, and be recorded.
    """
    splits = candidates(device, wish.workers)
    choices = {}
    for name, model in models.items():
        key = digest_of("tuning/1", [host, device, digests[name], [list(split) for split in splits], wish.batch])
        choices[name] = recall(key) or measured(model, images, key, device=device, splits=splits, tf32=tf32, wish=wish)
    split = max(splits, key=lambda split: -sum(1 / choice.rates[str(tuple(split))] for choice in choices.values()))
    return Tuning(
        device=device,
        workers=split.workers,
        threads_per_worker=split.threads,
        block=max(SMALLEST_BLOCK, *(choice.batch for choice in choices.values())),
        batch={name: choice.batch for name, choice in choices.items()},
        layout={name: choice.layout for name, choice in choices.items()},
    )


def candidates(device: str, workers: int | None) -> list[Split]:
    """Return the splits worth measuring: a thread a worker first, then all threads in one worker."""
    available = cores()
    if workers is not None:
        return [Split(workers, max(1, available // workers) if device == "cpu" else 1)]
    if device != "cpu" or available == 1:
        return [Split(available, 1)]
    return [Split(available, 1), Split(1, available)]


def measured(
    model: Model, images: Sequence[Image], key: str, *, device: str, splits: Sequence[Split], tf32: bool, wish: Wish
) -> Choice:
    """Measure one model and keep what came out under ``key``, unless it failed."""
    batches = [wish.batch] if wish.batch else list(CPU_BATCHES if device == "cpu" else GPU_BATCHES)
    layouts = list(model.layouts) if isinstance(model, LayoutChoice) else [""]
    unmeasured = Choice(batches[0], layouts[0], {str(tuple(split)): 1.0 for split in splits})
    if len(batches) == len(layouts) == len(splits) == 1:
        return unmeasured
    found = attempt(
        lambda: measure(model, fitted(model, images), batches, layouts, splits=splits, device=device, tf32=tf32)
    )
    return remember(key, found) if isinstance(found, Choice) else unmeasured


def measure(
    model: Model,
    images: Sequence[Image],
    batches: Sequence[int],
    layouts: Sequence[str],
    *,
    splits: Sequence[Split],
    device: str,
    tf32: bool,
) -> Choice:
    """Return the fastest layout, then the fastest batch, under the first split; then the rates of all splits."""

    def rate(layout: str, batch: int, split: Split) -> float:
        if isinstance(model, LayoutChoice):
            model.use_layout(layout)
        return images_per_second(model, images, batch=batch, split=split, device=device, tf32=tf32)

    middle = batches[len(batches) // 2]
    layout = max(layouts, key=lambda layout: rate(layout, middle, splits[0])) if len(layouts) > 1 else layouts[0]
    best = max(batches, key=lambda batch: rate(layout, batch, splits[0])) if len(batches) > 1 else batches[0]
    return Choice(best, layout, {str(tuple(split)): rate(layout, best, split) for split in splits})


def images_per_second(
    model: Model, images: Sequence[Image], *, batch: int, split: Split, device: str, tf32: bool
) -> float:
    """Return a model's rate over at least `SECONDS_EACH`, next to nothing where the batch does not fit the memory."""
    fed = [images[i % len(images)] for i in range(batch)]
    infos = [FrameInfo(width=image.shape[1], height=image.shape[0]) for image in fed]
    concurrent = split.workers if device == "cpu" and model.thread_safe else 1

    def work(seconds: float) -> float:
        prepare_worker(split.threads, tf32=tf32)
        model.predict(fed, infos)
        count, begin = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds:
            model.predict(fed, infos)
            count += batch
        return count / elapsed

    try:
        with ThreadPoolExecutor(concurrent) as pool:
            return sum(pool.map(work, [SECONDS_EACH] * concurrent))
    except Exception as error:
        if not out_of_memory(error):
            raise
        return 1e-9  # positive, so that its inverse still ranks it last


def recall(key: str) -> Choice | None:
    """Return what an earlier run measured, None where there is nothing readable."""
    try:
        return Choice(**memory()[key])
    except (KeyError, TypeError):
        return None


def remember(key: str, choice: Choice) -> Choice:
    """Keep a measurement for the next run, where the disk allows it: without, the next run measures again."""
    with suppress(OSError):
        write_atomically(home() / CACHE, json.dumps({**memory(), key: choice._asdict()}, indent=1))
    return choice


def memory() -> dict[str, Any]:
    """Return everything measured here so far; nothing where the file is absent or damaged."""
    try:
        kept = json.loads((home() / CACHE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
