"""A database with a little of everything, for pages to show: numbers that can be checked by hand."""

from __future__ import annotations

from pathlib import Path

import msgspec

from suite import protocols
from suite.api import Card
from suite.published import STUDIES, numbers_of
from suite.spec import ORIGINAL, Condition, Measure, ProtocolSpec, Result
from tests.benchmarks.million import conditions_of
from tests.db.measured import ELSEWHERE, HERE, Laboratory, condition, protocol, ref, result, throughput

SPEC = protocols.load("pv-codecs@1")
CARDS = {
    "small": Card(summary="A small net.", licence="MIT", training_data="ImageNet-1k", parameters=4_000_000),
    "large": Card(summary="A large net.", licence="Apache-2.0", training_data="LAION-2B", parameters=90_000_000),
}
REFERENCE = {"small": 0.80, "large": 0.90}
LOSS = {"none": 0.20, "deblock": 0.10}
"""At the lowest rate of each codec; it falls to nothing at the highest."""

TIMED = {"device": "cpu", "threads": 2, "precision": "float32", "tf32": False, "seconds": 1.0, "repeats": 5} | {
    "memory": "resident set"
}


def drop(model: str, mitigation: str, place: int) -> float:
    """What condition ``place`` of a codec's six costs."""
    return LOSS[mitigation] * (1 if model == "small" else 0.5) * (5 - place) / 5


def measured(on: Condition, model: str, mitigation: str, value: float, rate: float) -> Result:
    found = result(on, value, model=ref("model", model), mitigation=ref("mitigation", mitigation))
    more = (
        Measure(name="bits_per_pixel", value=rate),
        Measure(name="psnr_db", value=30 + rate),
        Measure(name="ssim", value=0.9 + rate / 100),
    )
    return msgspec.structs.replace(found, measures=(*found.measures, *more))


def record(directory: Path, spec: ProtocolSpec = SPEC) -> Path:
    """Record two models with and without a mitigation, on two machines: timings, badges, an erratum, the papers."""
    laboratory = Laboratory(directory)
    store = laboratory.store
    store.record_protocol(spec)
    for model in CARDS:
        for mitigation in LOSS:
            for number, on in enumerate(conditions_of(spec)):
                if on.is_reference and mitigation != ORIGINAL:
                    continue
                place = (number - 1) % 6
                lost = 0.0 if on.is_reference else drop(model, mitigation, place)
                laboratory.record(
                    measured(on, model, mitigation, REFERENCE[model] - lost, 0.25 * 2**place if number else 8.0),
                    cards={ref("model", model): CARDS[model]},
                )
    laboratory.record_verification(spec, plugin=ref("mitigation", "deblock"))
    laboratory.record_verification(spec, plugin=ref("model", "large"), differing=2, author="Bob")
    withdrawn = laboratory.record_entry(protocol(), {None: 0.9, 10: 0.5, 90: 0.8}, where=ELSEWHERE, model="withdrawn")
    store.add_erratum(withdrawn[10], author="A. Founder", reason="wrong weights")
    original = next(conditions_of(spec))
    for model, speed in (("small", 200.0), ("large", 50.0)):
        timed = throughput(
            spec,
            condition=original,
            model=ref("model", model),
            reference=ref("model", "small"),
            settings=TIMED,
            measures=(
                Measure(name="images_per_second_at_1", value=speed / 2, low=speed / 2 - 1, high=speed / 2 + 1),
                Measure(name="images_per_second_at_best", value=speed),
                Measure(name="best_batch", value=16),
                *(Measure(name=f"latency_p{each}_ms", value=1000 / speed + each / 50) for each in (50, 95, 99)),
                Measure(name="relative_at_1", value=speed / 200),
                Measure(name="relative_at_best", value=speed / 200),
                Measure(name="peak_memory_mib", value=512),
            ),
        )
        laboratory.record_throughput(timed)
    for study in STUDIES:
        store.import_published(numbers_of(study))
    store.summarise()
    laboratory.engine.dispose()
    return laboratory.path


__all__ = ["CARDS", "HERE", "SPEC", "condition", "drop", "record"]
