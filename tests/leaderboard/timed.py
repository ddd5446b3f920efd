"""More timings for a recorded board: on a second machine, of codecs, and some that do not count."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from suite.db.engine import open_for_writing
from suite.db.store import Store
from suite.spec import Environment, Measure
from tests.benchmarks.million import conditions_of
from tests.db.measured import ref, throughput
from tests.leaderboard.recorded import SPEC, TIMED

GPU = Environment(identity={"device": "Fast GPU 9000"}, details={"cpu": "Some CPU", "cores": "16"})


def record_timings(path: Path) -> None:
    """Add timings to a board that `recorded.record` made."""
    engine = open_for_writing(path)
    store = Store(engine, path)
    run = store.begin_run(["suite", "throughput", SPEC.label])
    gpu = store.record_environment(GPU)
    original, coded = islice(conditions_of(SPEC), 2)

    def add(**fields: Any) -> None:
        timed = throughput(SPEC, settings=TIMED, **fields)
        store.record_throughput(timed, run=run, environment=gpu)

    for model, speed in (("small", 2000.0), ("large", 400.0)):
        add(condition=original, model=ref("model", model), reference=None, steady=None, measures=speeds(speed))
    add(condition=original, model=ref("model", "large"), status="invalid", reason="2 of 8 images get another answer")
    fixed = {"model": ref("model", "small"), "mitigation": ref("mitigation", "deblock")}
    add(condition=original, **fixed, status="failed", reason="out of memory", measures=(), reference=None, steady=None)
    cost = (Measure(name="encode_ms", value=4, low=3, high=6), Measure(name="decode_ms", value=2, low=1.5, high=2.5))
    alone = {"model": None, "mitigation": None, "reference": None, "steady": None}
    add(work="codec", condition=coded, **alone, measures=(*cost, Measure(name="megapixels_per_image", value=0.09)))
    engine.dispose()


def speeds(at_best: float) -> tuple[Measure, ...]:
    """Return rates with a spread of a tenth, and latencies."""
    return (
        Measure(name="images_per_second_at_1", value=at_best / 4, low=at_best / 5, high=at_best / 3),
        Measure(name="images_per_second_at_best", value=at_best, low=0.9 * at_best, high=1.1 * at_best),
        Measure(name="best_batch", value=64),
        *(Measure(name=f"latency_p{each}_ms", value=each / 10, low=each / 11, high=each / 9) for each in (50, 95, 99)),
        Measure(name="peak_memory_mib", value=1024),
    )
