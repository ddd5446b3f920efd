"""Folders that keep every rule, made from the released protocol pv-cells@1, and ways to make one that breaks one."""

from __future__ import annotations

import json
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from suite.errors import SuiteError
from suite.metrics.stats import wilson
from suite.protocols import load
from suite.spec import Cell, Environment, Measure, PluginRef
from suite.submission import badge
from suite.submission.planned import cells_of, names_of
from suite.submission.records import SCHEMA, Data, Results, Row, Submission
from suite.verification import Verification

SPEC = load("pv-cells@1")
OPEN = load("pv-open-codecs@1")
TRACK = SPEC.tracks[0]
BASELINE = TRACK.baselines[0]


class Weight(NamedTuple):
    file: str
    size: int
    sha256: str
    url: str = ""


class Manifest(NamedTuple):
    name: str
    version: str
    kind: str
    task: str | None
    weights: tuple[Weight, ...]
    retrains: tuple[str, ...] = ()


class Unreadable(SuiteError):
    pass


class JsonManifests:
    """Reads metadata from the first line of plugin.py: a comment that holds JSON. Versions are whole numbers."""

    def read(self, path: Path) -> Manifest:
        try:
            said = json.loads(path.read_bytes().split(b"\n")[0].removeprefix(b"# "))
            weights = tuple(Weight(**weight) for weight in said.pop("weights"))
            return Manifest(**said, weights=weights)
        except Exception as error:
            raise Unreadable(f"{path} has no metadata ({type(error).__name__})") from error

    def newer(self, a: str, b: str) -> bool:
        return int(a) > int(b)


MANIFESTS = JsonManifests()


def ref(kind, name, version="1", digest="d"):
    return PluginRef(kind=kind, name=name, version=version, digest=f"sha256:{digest * 64}")


def plugin_text(name, *, version="1", kind="model", task="classification", weights=(), retrains=(), body="pass"):
    said = {"name": name, "version": version, "kind": kind, "task": task, "weights": [w._asdict() for w in weights]}
    said |= {"retrains": retrains} if retrains else {}
    return f"# {json.dumps(said)}\n# {name}\n{body}\n"


def measures(cell: Cell, hits: int, spec=SPEC) -> tuple[Measure, ...]:
    """Give every metric of the protocol; all rows of a condition have its rate."""
    on = cell.condition
    quality = 0 if on.is_reference else on.value * (1 if on.axis == "setting" else 40)
    fractions = [
        Measure(name=name, value=hits / on.count, **wilson(hits, on.count)._asdict()) for name in TRACK.metrics
    ]
    frames = {"bits_per_pixel": 8.0 if on.is_reference else quality / 40, "bytes_per_image": 1000.0 + quality}
    frames |= {f"bits_per_pixel_p{percent}": frames["bits_per_pixel"] for percent in (5, 50, 95)}
    if not on.is_reference:
        frames |= {"psnr_db": 30 + quality / 10, "ssim": 0.9}
    named = (name for name in spec.frame_metrics if name in frames)
    return (*fractions, *(Measure(name=name, value=frames[name]) for name in named))


def row(cell: Cell, hits: int, spec=SPEC) -> Row:
    return Row(
        cell=cell.digest,
        condition=cell.condition.digest,
        **names_of(cell),
        samples=cell.condition.count,
        status="ok",
        conformant=True,
        measures=measures(cell, hits, spec),
        outcomes="sha256:" + "0" * 64,
    )


def results(plugin: PluginRef, plugins=None, *, spec=SPEC, limit=None, rows=None, **changes) -> Results:
    """Give the rows of a plugin: it gets 400 of 526 right at its best, its references 390, fewer at low quality."""
    others = (ref("codec", "none"), ref("codec", "jpeg"), ref("mitigation", "none"), ref("model", BASELINE.name))
    whole = Results(
        schema=SCHEMA,
        protocol=spec.label,
        protocol_digest=spec.digest,
        limit=limit,
        plugin=plugin,
        environment=Environment(identity={"torch": "2.15.0"}, details={}),
        packages=("numpy==2.4.6",),
        isolation="bubblewrap 0.8.0",
        data=(Data(dataset=ref("dataset", "pv-cells"), split="test", manifest=TRACK.manifest, samples=TRACK.samples),),
        plugins=others if plugins is None else plugins,
        rows=(),
    )
    whole = msgspec.structs.replace(whole, **changes)
    if rows is None:
        rows = tuple(row(cell, hits_of(cell, plugin), spec) for cell in cells_of(spec, "classification", whole))
    return msgspec.structs.replace(whole, rows=rows)


def codec_results(name="mine", plugins=None, **changes) -> Results:
    """Give the rows of a submitted codec, those of JPEG beside it."""
    changes = {"searched": "step", "spec": OPEN} | changes
    return results(ref("codec", name, digest="a"), plugins, **changes)


def hits_of(cell: Cell, plugin: PluginRef) -> int:
    best = 400 if cell.model == plugin else 390
    if limit := cell.condition.limit:
        return limit // 2
    return best if cell.condition.is_reference else best - 100 + int(cell.condition.value)


def submission(text: str, data: bytes, measured: Results, **changes) -> Submission:
    said = {
        "schema": SCHEMA,
        "name": measured.plugin.name,
        "version": measured.plugin.version,
        "kind": measured.plugin.kind,
        "task": "classification",
        "protocol": measured.protocol,
        "protocol_digest": measured.protocol_digest,
        "plugin_sha256": sha256(text.encode()).hexdigest(),
        "results_sha256": sha256(data).hexdigest(),
        "predictions_sha256": "1" * 64,
        "predictions_bytes": 12345,
        "suite": "0.1.0",
        "made": "2026-11-21",
    }
    return Submission(**(said | changes))


def toml_of(said: Submission) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in msgspec.to_builtins(said).items())


def make(root: Path, name="mine", *, version="1", text=None, measured=None, **changes) -> Path:
    """Write the folder of a submission below ``root``; ``changes`` are for `submission.toml`."""
    measured = measured or results(ref("model", name, version, "a"))
    text = plugin_text(name, version=version, kind=measured.plugin.kind) if text is None else text
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    data = msgspec.json.encode(measured)
    (folder / "plugin.py").write_text(text, encoding="utf-8")
    (folder / "results.json").write_bytes(data)
    (folder / "submission.toml").write_text(toml_of(submission(text, data, measured, **changes)), encoding="utf-8")
    (folder / "README.md").write_text(f"# {name}\n", encoding="utf-8")
    return folder


def erratum(folder: Path, *cells: str, author="Ada", date="2026-11-21", reason="Wrong resize.") -> None:
    """Add an entry to a folder's errata."""
    file = folder / "errata.toml"
    text = file.read_text(encoding="utf-8") if file.exists() else "schema = 1\n"
    said = {"author": author, "date": date, "reason": reason, "cells": list(cells)}
    entry = "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())
    file.write_text(f"{text}\n[[errata]]\n{entry}", encoding="utf-8")


def verification(folder: Path, **changes) -> None:
    """Add an entry to a folder's verifications: of what the folder holds, but for ``changes``."""
    said = tomllib.loads((folder / "submission.toml").read_text(encoding="utf-8"))
    measured = json.loads((folder / "results.json").read_bytes())
    fields = {
        **{name: said[name] for name in ("kind", "name", "version", "protocol", "protocol_digest")},
        "plugin_digest": measured["plugin"]["digest"],
        "predictions_sha256": said["predictions_sha256"],
        "date": "2026-11-21",
        "author": "Ada",
        "environment": "sha256:" + "e" * 64,
        "isolation": "bubblewrap 0.8.0",
        "share": 0.05,
        "compared": 26,
        "differing": 0,
        "tolerance": 0.001,
    }
    badge.add(folder, msgspec.convert(fields | changes, Verification))
