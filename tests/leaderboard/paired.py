"""Two entries on the solar cells that ship as a package, with outcomes for every image: where they agree is known."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from suite import protocols, registry
from suite.spec import ORIGINAL, Condition, PluginRef
from tests.db.measured import Laboratory, condition, result
from tests.report.measured_outcomes import outcome_table

SPEC = protocols.load("pv-cells@1")
JPEG = next(codec for codec in SPEC.codecs if codec.name == "jpeg")


def condition_of(quality: int | None, **changes: object) -> Condition:
    """Return a condition of the protocol on this machine's dataset and codecs, None for the original."""
    track = SPEC.tracks[0]
    codec = {"codec": codec_ref(), "parameters": JPEG.parameters} if quality else {}
    dataset = registry.load("dataset", track.dataset.name, split=track.split).ref
    fixed = {"dataset": dataset, "samples": track.samples, "manifest": track.manifest, "split": track.split}
    return msgspec.structs.replace(condition(SPEC, quality, **fixed, **codec), **changes)


def codec_ref() -> PluginRef:
    """Return the record of this machine's JPEG codec."""
    return registry.load("codec", JPEG.name, **JPEG.parameters).ref


def record_pair(directory: Path, *, names: tuple[str, str] = ("first", "second")) -> Path:
    """Record both on the originals, all right, and at quality 10: 20 images wrong for the first, 7 for the second."""
    laboratory = Laboratory(directory)
    laboratory.store.record_protocol(SPEC)
    track = SPEC.tracks[0]
    truth = [each.truth for each in registry.load("dataset", track.dataset.name, split=track.split).plugin.samples()]
    for name, wrong in zip(names, (range(506, 526), range(499, 506)), strict=True):
        for quality, places in ((None, range(0)), (10, wrong)):
            right = np.ones(len(truth), bool)
            right[list(places)] = False
            found = result(condition_of(quality), float(right.mean()), model=name, mitigation=ORIGINAL)
            laboratory.record(found, outcomes=outcome_table(right, truth))
    laboratory.store.summarise()
    laboratory.engine.dispose()
    return laboratory.path
