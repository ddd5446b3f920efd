"""Small protocols and results with numbers that can be checked by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite.api import Task
from suite.db.engine import open_for_writing
from suite.db.records import Throughput
from suite.db.store import Store
from suite.spec import (
    Cell,
    CodecSpec,
    Condition,
    Environment,
    Measure,
    PluginName,
    PluginRef,
    ProtocolSpec,
    Result,
    TrackSpec,
    Tuning,
)
from suite.verification import Verification

SAMPLES = 526
HERE = Environment(identity={"pillow": "13.0.0"}, details={"host": "here"})
ELSEWHERE = Environment(identity={"pillow": "11.0.0"}, details={"host": "elsewhere"})
TUNING = Tuning(device="cpu", workers=2, threads_per_worker=1, block=8, batch={"net": 4}, layout={"net": "nchw"})


def ref(kind: Any, name: str, version: str = "1", source: str = "") -> PluginRef:
    digest = hashlib.sha256(f"{kind} {name} {version} {source}".encode()).hexdigest()
    return PluginRef(kind=kind, name=name, version=version, digest=f"sha256:{digest}")


def track(dataset: str = "cells", *, manifest: str = "sha256:cells", metric: str = "top1") -> TrackSpec:
    name = PluginName(name=dataset, version="1")
    return TrackSpec(
        task=Task.CLASSIFICATION,
        dataset=name,
        split="test",
        manifest=manifest,
        samples=SAMPLES,
        classes=2,
        metrics=(metric, "auc"),
        baselines=(PluginName(name="net", version="1"),),
        mitigations=(PluginName(name="none", version="1"),),
    )


def protocol(
    name: str = "toy", *, values: tuple[int, ...] = (10, 90), tracks: tuple[TrackSpec, ...] = ()
) -> ProtocolSpec:
    jpeg = CodecSpec(name="jpeg", version="1", parameter="quality", values=values, parameters={"subsampling": "4:2:0"})
    return ProtocolSpec(
        name=name,
        version=1,
        title="",
        summary="",
        changes="",
        order="compress-then-geometry",
        precision="float32",
        tf32=False,
        batch="free",
        frame_metrics=("bits_per_pixel",),
        codecs=(jpeg,),
        tracks=tracks or (track(),),
    )


def condition(spec: ProtocolSpec, value: int | None, **changes: Any) -> Condition:
    """The condition of jpeg at quality ``value``, None for the original."""
    of_codec: dict[str, Any] = (
        {"codec": ref("codec", "none"), "parameters": {}, "parameter": "none", "value": 0}
        if value is None
        else {
            "codec": ref("codec", "jpeg"),
            "parameters": {"subsampling": "4:2:0"},
            "parameter": "quality",
            "value": value,
        }
    )
    fields = {
        "protocol": spec.digest,
        "task": Task.CLASSIFICATION,
        "dataset": ref("dataset", spec.tracks[0].dataset.name),
        "split": "test",
        "manifest": spec.tracks[0].manifest,
        "samples": SAMPLES,
        "order": spec.order,
        **of_codec,
    }
    return Condition(**(fields | changes))


def result(
    on: Condition,
    top1: float | None,
    *,
    model: PluginRef | str = "net",
    mitigation: PluginRef | str = "none",
    reason: str = "",
    conformant: bool = True,
    metric: str = "top1",
) -> Result:
    """A result of ``top1``, or one that failed for ``reason``."""
    measures = () if top1 is None else (Measure(name=metric, value=top1, low=top1 - 0.01, high=top1 + 0.01),)
    return Result(
        cell=Cell(
            condition=on,
            model=ref("model", model) if isinstance(model, str) else model,
            mitigation=ref("mitigation", mitigation) if isinstance(mitigation, str) else mitigation,
        ),
        status="failed" if reason else "ok",
        reason=reason,
        conformant=conformant,
        tuning=TUNING,
        measures=measures,
    )


def throughput(spec: ProtocolSpec, **changes: Any) -> Throughput:
    """A timing of ``net`` on the originals."""
    fields: dict[str, Any] = {
        "work": "inference",
        "condition": condition(spec, None),
        "model": ref("model", "net"),
        "mitigation": ref("mitigation", "none"),
        "reference": ref("model", "net"),
        "status": "valid",
        "steady": True,
        "settings": {"device": "cpu", "threads": 2, "tf32": False, "seconds": 1.0},
        "measures": (Measure(name="best_batch", value=4), Measure(name="latency_p50_ms", value=20, low=19, high=21)),
    }
    return Throughput(**(fields | changes))


def verification(spec: ProtocolSpec, **changes: Any) -> Verification:
    """A verification of all of ``net``, or of the ``plugin`` that is given."""
    plugin = changes.pop("plugin", ref("model", "net"))
    fields: dict[str, Any] = {
        "kind": plugin.kind,
        "name": plugin.name,
        "version": plugin.version,
        "plugin_digest": plugin.digest,
        "protocol": spec.label,
        "protocol_digest": spec.digest,
        "predictions_sha256": "1" * 64,
        "date": "2026-11-21",
        "author": "Ada",
        "environment": HERE.digest,
        "isolation": "bubblewrap 0.8.0, landlock 7",
        "share": 0.05,
        "compared": 26,
        "differing": 0,
        "tolerance": 0.001,
    }
    return Verification(**(fields | changes))


class Laboratory:
    """A database in ``directory``, and results recorded in it in a few words."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "results.db"
        self.engine = open_for_writing(self.path)
        self.store = Store(self.engine, self.path)
        self.run = self.store.begin_run(["suite", "run", "toy"])

    def record(self, measured: Result, where: Environment = HERE, **tables: Any) -> int:
        digest = self.store.record_environment(where)
        return self.store.record(measured, run=self.run, environment=digest, **tables)

    def record_throughput(self, timed: Throughput, where: Environment = HERE) -> int:
        digest = self.store.record_environment(where)
        return self.store.record_throughput(timed, run=self.run, environment=digest)

    def record_verification(self, spec: ProtocolSpec, where: Environment = HERE, **changes: Any) -> int:
        digest = self.store.record_environment(where)
        return self.store.record_verification(verification(spec, **({"environment": digest} | changes)))

    def record_entry(
        self,
        spec: ProtocolSpec,
        values: Mapping[int | None, float],
        *,
        where: Environment = HERE,
        on: Mapping[str, Any] | None = None,
        **entry: Any,
    ) -> dict[int | None, int]:
        """Record one entry's results: quality (None for the original) to top-1."""
        self.store.record_protocol(spec)
        return {
            quality: self.record(result(condition(spec, quality, **(on or {})), top1, **entry), where)
            for quality, top1 in values.items()
        }
