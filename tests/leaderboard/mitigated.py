"""A database with two mitigations for two of three models, as pages about mitigations need it; numbers by hand."""

from __future__ import annotations

from pathlib import Path

from suite.spec import ORIGINAL, Condition, Measure, ProtocolSpec, Result
from tests.benchmarks.million import conditions_of
from tests.db.measured import Laboratory, ref, throughput
from tests.leaderboard.recorded import SPEC, measured

REFERENCE = {"small": 0.80, "large": 0.90, "alone": 0.70}
KEPT = {
    ("small", "none"): 1.0,
    ("small", "deblock"): 0.5,
    ("small", "tuned"): 0.25,
    ("large", "none"): 0.5,
    ("large", "deblock"): 0.75,
    ("alone", "none"): 1.5,
}
"""What part of 20 points an entry loses at the lowest rate of each codec; it falls to nothing at the highest."""

SPEED = {("small", "none"): 200.0, ("small", "deblock"): 50.0, ("small", "tuned"): 190.0, ("large", "none"): 40.0}
"""Images per second at the best batch; the others were not timed."""


def drop(entry: tuple[str, str], place: int) -> float:
    """What condition ``place`` of a codec's six costs, a fraction."""
    return 0.20 * KEPT[entry] * (5 - place) / 5


def result_of(on: Condition, number: int, entry: tuple[str, str]) -> Result:
    place = (number - 1) % 6
    lost = 0.0 if on.is_reference else drop(entry, place)
    rate = 0.25 * 2**place if number else 8.0
    return measured(on, *entry, REFERENCE[entry[0]] - lost, rate)


def record(directory: Path, spec: ProtocolSpec = SPEC) -> Path:
    """Record the entries on one machine, all that `SPEED` has with timings, and return the database's path."""
    laboratory = Laboratory(directory)
    laboratory.store.record_protocol(spec)
    for entry in KEPT:
        for number, on in enumerate(conditions_of(spec)):
            if not on.is_reference or entry[1] == ORIGINAL:
                laboratory.record(result_of(on, number, entry))
    original = next(conditions_of(spec))
    for (model, mitigation), speed in SPEED.items():
        of = {"model": ref("model", model), "mitigation": ref("mitigation", mitigation)}
        measures = (
            Measure(name="images_per_second_at_1", value=speed / 2),
            Measure(name="images_per_second_at_best", value=speed),
            Measure(name="latency_p50_ms", value=1000 / speed),
        )
        timed = throughput(spec, condition=original, reference=ref("model", "small"), measures=measures, **of)
        laboratory.record_throughput(timed)
    laboratory.store.summarise()
    laboratory.engine.dispose()
    return laboratory.path
