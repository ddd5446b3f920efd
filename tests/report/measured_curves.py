"""Curves of several codecs in a real database, point by point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from suite.spec import CodecSpec, Measure, ProtocolSpec
from tests.db.measured import HERE, Laboratory, condition, ref, result

QUALITIES = (10, 30, 50, 70, 90)
RATES = (0.25, 0.5, 1.0, 2.0, 4.0)
TOP1 = (0.5, 0.6, 0.7, 0.8, 0.85)


def codec(name: str, **parameters: Any) -> CodecSpec:
    return CodecSpec(name=name, version="1", parameter="quality", values=QUALITIES, parameters=parameters)


def with_codecs(spec: ProtocolSpec, *codecs: CodecSpec) -> ProtocolSpec:
    return msgspec.structs.replace(spec, codecs=codecs)


def points(factor: float = 1, gain: float = 0) -> list[tuple[float, float]]:
    """Return (bits per pixel, top-1): at ``factor`` times the rates, better by ``gain``."""
    return [(factor * rate, top1 + gain) for rate, top1 in zip(RATES, TOP1, strict=True)]


def record_curves(
    laboratory: Laboratory,
    spec: ProtocolSpec,
    curves: Mapping[int, list[tuple[float | None, float]]],
    *,
    where: Any = HERE,
    on: Mapping[str, Any] | None = None,
    original: bool = True,
    **entry: Any,
) -> None:
    """Record one entry: a codec's place in ``spec`` -> what its first qualities give; and the original."""
    laboratory.store.record_protocol(spec)
    if original:
        laboratory.record(result(condition(spec, None, **(on or {})), 0.9, **entry), where)
    for place, measured in curves.items():
        chosen = spec.codecs[place]
        of_codec = {"codec": ref("codec", chosen.name), "parameters": chosen.parameters} | (on or {})
        for quality, (bits_per_pixel, top1) in zip(chosen.values, measured, strict=False):
            found = result(condition(spec, quality, **of_codec), top1, **entry)
            rates = () if bits_per_pixel is None else (Measure(name="bits_per_pixel", value=bits_per_pixel),)
            laboratory.record(msgspec.structs.replace(found, measures=(*found.measures, *rates)), where)
