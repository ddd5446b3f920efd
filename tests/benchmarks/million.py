"""A database of a million results, as years of use would leave it: written in minutes, for the board to be timed on.

One released protocol with many models, each with all of its conditions, on two machines; numbers are drawn, not
measured, and nothing here ever leaves the benchmarks.

    python -m tests.benchmarks.million /tmp/million.db --results 1000000
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, insert, select

from suite import protocols
from suite.api import Card, Task
from suite.db import schema
from suite.db.engine import open_for_writing, writing
from suite.db.store import Store, condition_id, plugin_id
from suite.spec import ORIGINAL, Condition, ProtocolSpec, Tuning, to_json
from tests.db.measured import ELSEWHERE, HERE, ref

ROWS_AT_ONCE = 50_000
LICENCES = ("Apache-2.0", "MIT", "CC-BY-NC-4.0", "")
TRAINING = ("ImageNet-1k", "ImageNet-21k", "LAION-2B", "")


def conditions_of(spec: ProtocolSpec) -> Iterator[Condition]:
    """Yield the conditions of a protocol's first track, the original first."""
    track = spec.tracks[0]
    fixed = {
        "protocol": spec.digest,
        "task": Task(track.task),
        "dataset": ref("dataset", track.dataset.name),
        "split": track.split,
        "manifest": track.manifest,
        "samples": track.samples,
        "order": spec.order,
    }
    yield Condition(codec=ref("codec", ORIGINAL), parameters={}, parameter="none", value=0, **fixed)
    for codec in spec.codecs:
        if codec.name == ORIGINAL:
            continue
        for setting in codec.settings():
            of = {"variant": codec.variant, "axis": codec.axis, "parameters": codec.parameters}
            yield Condition(
                codec=ref("codec", codec.name), parameter=setting.parameter, value=setting.value, **of, **fixed
            )


def rows_of(
    cells: Iterator[tuple[int, int, int]], conditions: list[int], fixed: dict[str, object], rng: np.random.Generator
) -> Iterator[tuple[dict[str, object], list[dict[str, object]]]]:
    """Yield results with their metrics: every condition of one (model, mitigation, machine) after the other."""
    number = 0
    for model, mitigation, machine in cells:
        best = rng.uniform(0.6, 0.9)
        drops = np.sort(rng.exponential(0.05, len(conditions) - 1))[::-1]
        for place, condition in enumerate(conditions):
            number += 1
            value = best - (drops[place - 1] if place else 0.0)
            measures = {"top1": (value, value - 0.02, value + 0.02), "auc": (value, None, None)}
            measures |= {"bits_per_pixel": (0.1 + 0.05 * place, None, None), "ssim": (0.9, None, None)}
            measures["psnr_db"] = (30 + place / 10, None, None)
            yield (
                {"id": number, "cell": f"cell:{number}", "condition_id": condition, "model_id": model}
                | {"mitigation_id": mitigation, "environment_id": machine, **fixed},
                [
                    {"result_id": number, "name": name, "value": float(middle), "low": low, "high": high}
                    for name, (middle, low, high) in measures.items()
                ],
            )


def make(path: Path, results: int, protocol: str = "pv-codecs@1") -> None:
    """Write a database of so many results at ``path``, which must not exist yet, with its entries summed up."""
    spec = protocols.load(protocol)
    engine = open_for_writing(path)
    store = Store(engine, path)
    run = store.begin_run(["made", "by", "tests.benchmarks.million"])
    store.record_protocol(spec)
    for where in (HERE, ELSEWHERE):
        store.record_environment(where)
    with writing(engine) as connection:
        conditions = [condition_id(connection, on, {}) for on in conditions_of(spec)]
        machines = [row.id for row in connection.execute(select(schema.environment.c.id))]
        mitigations = [plugin_id(connection, ref("mitigation", name), {}) for name in (ORIGINAL, "deblock")]
        entries = -(-results // len(conditions))
        models = made_models(connection, -(-entries // (len(mitigations) * len(machines))))
    fixed: dict[str, object] = {"run_id": run, "status": "ok", "reason": "", "conformant": True, "outcomes": ""}
    tuning = Tuning(device="cpu", workers=2, threads_per_worker=1, block=8, batch={}, layout={})
    fixed |= {"tuning": to_json(tuning), "frames": "", "created_at": store.clock()}
    cells = ((model, each, machine) for model in models for each in mitigations for machine in machines)
    rows = rows_of(islice(cells, entries), conditions, fixed, np.random.default_rng(0))
    while some := list(islice(rows, ROWS_AT_ONCE)):
        with writing(engine) as connection:
            connection.execute(insert(schema.result), [result for result, _ in some])
            connection.execute(insert(schema.metric), [measure for _, measures in some for measure in measures])
    store.summarise()
    engine.dispose()


def made_models(connection: Connection, count: int) -> list[int]:
    """Record so many models, with cards to filter by, and return their numbers."""
    cards = {
        ref("model", f"model-{number:05}"): Card(
            summary="made up",
            licence=LICENCES[number % len(LICENCES)],
            training_data=TRAINING[number // 4 % len(TRAINING)],
        )
        for number in range(count)
    }
    return [plugin_id(connection, model, cards) for model in cards]


def main() -> None:
    """Make the database that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--results", type=int, default=1_000_000)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    make(arguments.path, arguments.results)
    print(f"{arguments.results:,} results in {time.perf_counter() - begin:.0f} s, {arguments.path}")


if __name__ == "__main__":
    main()
