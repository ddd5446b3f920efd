"""A board to publish: two models, two mitigations that cross over, timings, an erratum, plugins with hostile text."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa

from suite import protocols
from suite.api import Card
from suite.spec import ORIGINAL, Condition, Measure, Result
from tests.benchmarks.million import conditions_of
from tests.db.measured import ELSEWHERE, SAMPLES, Laboratory, ref, result, throughput
from tests.report.measured_outcomes import outcome_table

SPEC = protocols.load("pv-codecs@1")
SETTINGS = 6
REFERENCE = {"small": 0.80, "large": 0.90}
LOSS = {"none": (0.20, 0.04), "deblock": (0.10, 0.04), "sharpen": (0.16, 0.01)}
"""At the lowest and at the highest rate of each codec, a straight line between; half as much for the large model."""

SCRIPT = "<script>alert(1)</script>"
IMAGE = "![x](https://evil.example/a.png)"
FORMULA = "$\\input{x}$ =cmd() [a](http://evil.example) `code` | a@evil.example www.evil.example"
REASON = f"{SCRIPT} {IMAGE} {FORMULA}\n\n# heading\n\x1b[31m\u202e</pre>"
TIMED = {"device": "cpu", "threads": 2, "precision": "float32", "tf32": False}
TIMED |= {"repeats": 5, "seconds": 1.0, "memory": "peak of the process"}


def loss(model: str, mitigation: str, place: int) -> float:
    low, high = LOSS[mitigation]
    return (low + (high - low) * place / (SETTINGS - 1)) * (1 if model == "small" else 0.5)


def measured(on: Condition, model: str, mitigation: str, place: int) -> Result:
    value = REFERENCE[model] - (0.0 if on.is_reference else loss(model, mitigation, place))
    found = result(on, value, model=ref("model", model), mitigation=ref("mitigation", mitigation))
    rate = 8.0 if on.is_reference else 0.25 * 2**place * (1.1 if on.codec.name == "jpeg" else 1.0)
    more = (Measure(name="bits_per_pixel", value=rate), Measure(name="psnr_db", value=30.0))
    return msgspec.structs.replace(found, measures=(*found.measures, *more))


def record(directory: Path) -> Path:
    """Record the board; every table of it has something to show."""
    directory.mkdir(parents=True, exist_ok=True)
    laboratory = Laboratory(directory)
    laboratory.store.record_protocol(SPEC)
    for model in REFERENCE:
        record_entries(laboratory, model)
    record_hostile(laboratory)
    for where, speed in ((None, 200.0), (ELSEWHERE, 50.0)):
        laboratory.record_throughput(timing("small", speed), *([where] if where else []))
    laboratory.store.summarise()
    laboratory.engine.dispose()
    return laboratory.path


def record_entries(laboratory: Laboratory, model: str) -> None:
    for mitigation in LOSS:
        for number, on in enumerate(conditions_of(SPEC)):
            if not (on.is_reference and mitigation != ORIGINAL):
                found = measured(on, model, mitigation, (number - 1) % SETTINGS)
                laboratory.record(found, outcomes=outcomes(found.measures[0].value))


def outcomes(value: float) -> pa.Table:
    """Which of the samples are right, so many of them."""
    right = round(SAMPLES * value)
    return outcome_table([number < right for number in range(SAMPLES)], [number % 2 for number in range(SAMPLES)])


def record_hostile(laboratory: Laboratory) -> None:
    """Record a failure and a withdrawn result of plugins whose every word is an attack."""
    on = next(conditions_of(SPEC))
    cards = {ref("model", SCRIPT): Card(summary=REASON, authors=SCRIPT, paper=f"{IMAGE} {FORMULA}")}
    hostile = {"model": ref("model", SCRIPT), "mitigation": ref("mitigation", IMAGE)}
    laboratory.record(result(on, None, reason=REASON, **hostile), cards=cards)
    number = laboratory.record(result(on, 0.5, model=ref("model", FORMULA)))
    laboratory.store.add_erratum(number, author=SCRIPT, reason=REASON)


def timing(model: str, speed: float):
    measures = (
        Measure(name="images_per_second_at_1", value=speed / 2, low=speed / 3, high=speed),
        Measure(name="images_per_second_at_best", value=speed),
        *(Measure(name=f"latency_p{each}_ms", value=1000 / speed) for each in (50, 95, 99)),
    )
    names = {"model": ref("model", model), "reference": ref("model", "small")}
    return throughput(SPEC, condition=next(conditions_of(SPEC)), settings=TIMED, measures=measures, **names)
