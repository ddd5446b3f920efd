"""Timings as plain tables of text: entries beside the reference, predicting and learning, then the codecs alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from suite.db.queries import StoredThroughput, Throughput
from suite.report.tables import NOTHING, TextTable, in_order
from suite.spec import Measure

TITLES = {"inference": "inference", "training": "training step"}


def tables_of(label: str, stored: Iterable[StoredThroughput]) -> list[TextTable]:
    """Return the tables of the newest timing of each entry and codec on each machine, in the order of their making."""
    rows = newest(stored)
    made = {"inference": entry_table, "training": entry_table, "codec": codec_table}
    found = {work: [row for row in rows if row.work == work] for work in made}
    return [made[work](label, found[work]) for work in made if found[work]]


def newest(stored: Iterable[StoredThroughput]) -> list[Throughput]:
    """Return the newest timing of each thing on each machine and device, oldest first."""
    found: dict[tuple[object, ...], Throughput] = {}
    for each in sorted(stored, key=lambda each: each.age):
        of = each.throughput
        key = (of.work, of.condition.digest, of.model, of.mitigation, each.environment)
        found.pop(key, None)
        found[key] = of
    return list(found.values())


def entry_table(label: str, rows: Sequence[Throughput]) -> TextTable:
    """Return what each entry does a second, at batch 1 and at its best, alone and beside the reference.

    ``rows`` are of one work. Energy has a column where it is known of any.
    """
    metered = any(row.measure("joules_per_image") for row in rows)
    columns = (
        *("entry", "images/s at 1", "p50/p95/p99, ms", "best batch", "images/s", "/ reference at 1", "at best"),
        *("MiB", *["J/image"] * metered, "losses" if rows[0].work == "training" else "answers"),
    )
    body = tuple(entry_row(row, metered=metered) for row in rows)
    return TextTable(f"{label}: {TITLES[rows[0].work]}", columns, body, (*how(rows), *compared(rows), *why(rows)))


def entry_row(row: Throughput, *, metered: bool) -> tuple[str, ...]:
    """Return an entry as a row, with its energy where ``metered``."""
    latencies = [number(row.measure(f"latency_p{percentile}_ms"), 2) for percentile in (50, 95, 99)]
    return (
        str(row),
        spread(row.measure("images_per_second_at_1")),
        NOTHING if row.measure("latency_p50_ms") is None else "/".join(latencies),
        number(row.measure("best_batch"), 0),
        number(row.measure("images_per_second_at_best"), 1),
        spread(row.measure("relative_at_1"), 2),
        number(row.measure("relative_at_best"), 2),
        number(row.measure("peak_memory_mib"), 0),
        *[number(row.measure("joules_per_image"), 3)] * metered,
        row.status if row.steady is not False else f"{row.status}, unsteady",
    )


def codec_table(label: str, rows: Sequence[Throughput]) -> TextTable:
    """Return what each codec costs an image at its middle setting."""
    columns = ("codec", "encode, ms", "decode, ms", "megapixels", "bpp")
    body = [
        (
            str(row),
            spread(row.measure("encode_ms"), 2),
            spread(row.measure("decode_ms"), 2),
            number(row.measure("megapixels_per_image"), 3),
            number(row.measure("bits_per_pixel"), 3),
        )
        for row in rows
    ]
    reasons = [f"{row}: {row.status}: {row.reason}" for row in rows if row.reason]
    note = "ms an image, one call at a time: median [lowest, highest]; some codecs use threads of their own"
    return TextTable(f"{label}: codecs alone, middle settings", columns, tuple(body), (note, *reasons))


def how(rows: Sequence[Throughput]) -> list[str]:
    """Return how the entries were timed; settings that rows share stand in one line."""
    notes = (note for row in rows for note in (pace(row), row.settings.get("step"), energy(row)))
    return in_order(str(note) for note in notes if note)


def pace(row: Throughput) -> str:
    """Return on what and how long an entry was timed, and which memory is meant."""
    return (
        "{device}, {threads} threads, {precision}{tf32}; {repeats} repeats of {seconds} s: median [lowest, "
        "highest]; MiB: {memory}".format_map({**row.settings, "tf32": ", TF32" if row.settings["tf32"] else ""})
    )


def energy(row: Throughput) -> str:
    """Return what counted the energy, or why none was measured; empty on a device without such a counter."""
    what = row.settings.get("energy")
    return f"J: {what}" if what else ""


def compared(rows: Sequence[Throughput]) -> list[str]:
    """Return what the reference is, and where it did not keep its pace."""
    names = in_order(str(row.reference) for row in rows if row.reference)
    unsteady = [f"{row} ({drift(row)})" for row in rows if row.steady is False]
    return [
        *(f"reference: {name}, timed before and after each entry in the same run" for name in names),
        *[f"unsteady, the reference's rate changed meanwhile: {', '.join(unsteady)}"] * bool(unsteady),
    ]


def drift(row: Throughput) -> str:
    """Return by how much the reference drifted."""
    found = row.measure("reference_drift")
    return NOTHING if found is None else f"{100 * found.value:.0f} %"


def why(rows: Sequence[Throughput]) -> list[str]:
    """Return why rows are not valid; entries with one reason share a line."""
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.reason:
            by_reason.setdefault(f"{row.status}: {row.reason}", []).append(str(row))
    return [f"{', '.join(entries)}: {reason}" for reason, entries in by_reason.items()]


def number(measure: Measure | None, digits: int) -> str:
    """Return a measure's value."""
    return NOTHING if measure is None else f"{measure.value:.{digits}f}"


def spread(measure: Measure | None, digits: int = 1) -> str:
    """Return a measure with its lowest and highest repeat."""
    if measure is None or measure.low is None or measure.high is None:
        return number(measure, digits)
    return f"{measure.value:.{digits}f} [{measure.low:.{digits}f}, {measure.high:.{digits}f}]"
