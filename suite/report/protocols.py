"""Protocols as plain tables of text: all that one fixes, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterable

from suite.protocols import is_released, load, names
from suite.protocols.differences import Difference, differences, shown
from suite.report.tables import NOTHING, TextTable
from suite.spec import Axis, CodecSpec, OpenCodecs, ProtocolSpec, TrackSpec

SAME = "The digests agree: nothing that changes a number differs, nor any word."
ONLY_WORDS = "Only words differ: nothing that changes a number. The digests differ, and so results share no table."


def status_of(spec: ProtocolSpec) -> str:
    """Return whether a protocol is ``"released"`` or a ``"draft"``."""
    return "released" if is_released(spec) else "draft"


def known_protocols(stored: Iterable[ProtocolSpec]) -> dict[str, ProtocolSpec]:
    """Return the protocols of the package and those with results by their labels; the package's where both have one."""
    packaged = [load(name) for name in names()]
    return {spec.label: spec for spec in (*stored, *packaged)}


def tables_of(spec: ProtocolSpec) -> list[TextTable]:
    """Return everything that a protocol fixes: what holds for all of it, its codecs, and its tracks one by one."""
    return [general_table(spec), codec_table(spec), *(track_table(track) for track in spec.tracks)]


def general_table(spec: ProtocolSpec) -> TextTable:
    """Return what holds for the whole protocol."""
    rows = (
        ("status", status_of(spec)),
        ("digest", spec.digest),
        ("changes", spec.changes),
        ("order", spec.order),
        ("precision", spec.precision),
        ("TF32", shown(spec.tf32)),
        ("batch", spec.batch),
        ("metrics of images", ", ".join(spec.frame_metrics)),
        *([("other codecs", open_to(spec.open_codecs))] if spec.open_codecs else []),
    )
    return TextTable(f"{spec.label}: {spec.title}", ("field", "value"), rows, (" ".join(spec.summary.split()),))


def open_to(given: OpenCodecs) -> str:
    """Return in a sentence how a protocol measures codecs that it does not name."""
    rates = ", ".join(f"{value:g}" for value in given.values)
    return f"A submitted codec is measured beside these, at {rates} bits per pixel over {over(given.axis)}."


def codec_table(spec: ProtocolSpec) -> TextTable:
    """Return each codec with its settings and every parameter."""
    columns = ("codec", "version", "asked for", "values", "parameters")
    return TextTable(f"{spec.label}: codecs", columns, tuple(codec_row(codec) for codec in spec.codecs))


def codec_row(codec: CodecSpec) -> tuple[str, ...]:
    """Return one codec."""
    parameters = ", ".join(f"{name}={shown(value)}" for name, value in codec.parameters.items())
    return codec.label, codec.version, asked_for(codec), shown(codec.values), parameters or NOTHING


def asked_for(codec: CodecSpec) -> str:
    """Return what a codec's values are values of."""
    if codec.axis == "setting":
        return codec.parameter
    return f"bits per pixel over {over(codec.axis)}, by {codec.parameter}"


def over(axis: Axis) -> str:
    """Return what a target rate is the rate of."""
    return "each image" if axis == "bpp-per-image" else "the dataset"


def track_table(track: TrackSpec) -> TextTable:
    """Return one track: samples and how they are pinned, metrics, baselines, mitigations."""
    rows = (
        ("dataset", f"{track.dataset}, {track.split}"),
        ("samples", f"{track.samples:,} in {track.classes:,} classes"),
        ("manifest", track.manifest or "not pinned"),
        ("listing", track.listing or "not pinned"),
        ("metrics", f"{', '.join(track.metrics)} (the first one ranks)"),
        *(("baseline", str(name)) for name in track.baselines),
        *(("mitigation", str(name)) for name in track.mitigations),
    )
    return TextTable(f"Track: {track.task} on {track.dataset}", ("field", "value"), rows)


def difference_table(first: ProtocolSpec, second: ProtocolSpec) -> TextTable:
    """Return what differs between two protocols, and whether it may change a number."""
    found = differences(first, second)
    columns = ("field", f"{first.label} ({status_of(first)})", f"{second.label} ({status_of(second)})", "numbers")
    return TextTable("What differs", columns, tuple(map(difference_row, found)), verdict(found))


def difference_row(found: Difference) -> tuple[str, ...]:
    """Return one field."""
    values = (NOTHING if value is None else " ".join(value.split()) or '""' for value in (found.first, found.second))
    return found.field, *values, "may change" if found.may_change_a_number else "stay"


def verdict(found: list[Difference]) -> tuple[str, ...]:
    """Return what it means that no number changes; nothing where one may."""
    if not found:
        return (SAME,)
    return () if any(each.may_change_a_number for each in found) else (ONLY_WORDS,)
