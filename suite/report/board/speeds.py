"""What was timed under a protocol, host by host: what counts, what it is beside the drop, and what does not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import Engine

from suite.db import queries
from suite.db.queries import EntryRow, StoredThroughput
from suite.report.board.columns import Columns
from suite.report.board.hosts import host_label, short
from suite.report.board.standing import Standing
from suite.report.tables import in_order
from suite.spec import Environment

Points: TypeAlias = list[dict[str, Any]]
"""What a chart draws: one dictionary a mark."""

Named: TypeAlias = tuple[str, StoredThroughput]
"""A timing and its entry's name on the page."""

PERCENTILES = (50, 95, 99)
BATCHES = {"at_1": "batch 1", "at_best": "best batch"}
AT_BEST = "images_per_second_at_best"


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """One host's timings on one track: of each thing the newest that is valid, the fastest entry first.

    ``rejected`` are those whose newest timing is not valid; an older one may still be among the others.
    """

    digest: str
    label: str
    entries: tuple[StoredThroughput, ...]
    codecs: tuple[StoredThroughput, ...]
    rejected: tuple[StoredThroughput, ...]

    def names(self) -> list[str]:
        """Return the entries' names, each once: with its digest where two versions share one."""
        return unique_names(self.entries)


def speeds_of(stored: Iterable[StoredThroughput], environments: dict[str, Environment]) -> tuple[Speeds, ...]:
    """Return what was timed on each host, the one that was used last first."""
    newest_first = sorted(stored, key=lambda each: each.age, reverse=True)
    by_host = {digest: [each for each in newest_first if each.environment == digest] for digest in hosts(newest_first)}
    return tuple(host_speeds(digest, environments.get(digest), found) for digest, found in by_host.items())


def host_speeds(digest: str, environment: Environment | None, newest_first: Sequence[StoredThroughput]) -> Speeds:
    """Return the timings of one host."""
    valid = newest_of(each for each in newest_first if each.throughput.status == "valid")
    entries = [each for each in valid if each.throughput.work == "inference"]
    return Speeds(
        digest=digest,
        label=host_label(digest, environment),
        entries=tuple(sorted(entries, key=lambda each: -(value(each, AT_BEST) or 0.0))),
        codecs=tuple(each for each in valid if each.throughput.work == "codec"),
        rejected=tuple(each for each in newest_of(newest_first) if each.throughput.status != "valid"),
    )


def read_speeds(engine: Engine, protocol_digest: str, track: str) -> tuple[Speeds, ...]:
    """Return what was timed on each host under a protocol and on a track (see `standing.track_name`)."""
    stored = [each for each in queries.throughput(engine, protocol_digest) if on_track(each, track)]
    return speeds_of(stored, queries.environments(engine, hosts(stored)))


def on_track(stored: StoredThroughput, track: str) -> bool:
    """Whether a timing is of a track's samples."""
    on = stored.throughput.condition
    return track.startswith(f"{on.task} on {on.dataset.name}, {on.split} (")


def is_of(stored: StoredThroughput, row: EntryRow) -> bool:
    """Whether a timing is an entry's."""
    of = stored.throughput
    return (of.model, of.mitigation, stored.environment) == (row.model, row.mitigation, row.environment)


def hosts(stored: Iterable[StoredThroughput]) -> list[str]:
    """Return the digests of the environments, as they first come."""
    return in_order(each.environment for each in stored)


def newest_of(newest_first: Iterable[StoredThroughput]) -> list[StoredThroughput]:
    """Return the first timing of each thing."""
    found: dict[Hashable, StoredThroughput] = {}
    for each in newest_first:
        of = each.throughput
        found.setdefault((of.work, of.condition.digest, of.model, of.mitigation), each)
    return list(found.values())


def value(stored: StoredThroughput, name: str) -> float | None:
    """Return the value of a measure, None where it was not taken."""
    found = stored.throughput.measure(name)
    return found.value if found else None


def unique_names(stored: Sequence[StoredThroughput]) -> list[str]:
    """Return the names of timed entries; those that share one with another have a part of their digests."""
    times = Counter(str(each.throughput) for each in stored)
    return [str(each.throughput) + digests(each) * (times[str(each.throughput)] > 1) for each in stored]


def digests(stored: StoredThroughput) -> str:
    """Return what tells two versions of one entry apart."""
    refs = (stored.throughput.model, stored.throughput.mitigation)
    return f" ({', '.join(short(ref.digest) for ref in refs if ref)})"


def shown_of(speeds: Speeds, names: Sequence[str]) -> list[Named]:
    """Return the entries of those names, the fastest first."""
    return [pair for pair in zip(speeds.names(), speeds.entries, strict=True) if pair[0] in names]


def speed_points(shown: Iterable[Named], *, relative: bool) -> Points:
    """Return the images a second at batch 1 and at the best batch, or those over the reference model's."""
    prefix = "relative" if relative else "images_per_second"
    return [
        point | {"entry": name, "batch": title}
        for name, each in shown
        for suffix, title in BATCHES.items()
        if (point := spread(each, f"{prefix}_{suffix}"))
    ]


def latency_points(shown: Iterable[Named]) -> Points:
    """Return the percentiles of the latency at batch 1, in milliseconds."""
    return [
        point | {"entry": name, "percentile": f"p{each}"}
        for name, stored in shown
        for each in PERCENTILES
        if (point := spread(stored, f"latency_p{each}_ms"))
    ]


def memory_points(shown: Iterable[Named]) -> Points:
    """Return the peak memory in MiB."""
    return [point | {"entry": name} for name, each in shown if (point := spread(each, "peak_memory_mib"))]


def codec_points(codecs: Iterable[StoredThroughput]) -> Points:
    """Return what each codec costs an image at its middle setting, in milliseconds."""
    return [
        point | {"codec": str(each.throughput), "work": work}
        for each in codecs
        for work in ("encode", "decode")
        if (point := spread(each, f"{work}_ms"))
    ]


def drop_points(standing: Standing, shown: Iterable[Named], *, relative: bool) -> Points:
    """Return throughput at the best batch beside the mean drop in points, of entries that have both."""
    drops = mean_drops(standing)
    name_of = "relative_at_best" if relative else AT_BEST
    return [
        point | {"entry": name, "drop": drop, "mitigation": mitigation_of(each)}
        for name, each in shown
        if (drop := drops(each)) is not None and (point := spread(each, name_of))
    ]


def spread(stored: StoredThroughput, name: str) -> dict[str, Any]:
    """Return a measure with the lowest and the highest of its repeats; empty where it was not taken."""
    found = stored.throughput.measure(name)
    if found is None:
        return {}
    low, high = (found.value if bound is None else bound for bound in (found.low, found.high))
    return {"value": found.value, "low": low, "high": high}


def mitigation_of(stored: StoredThroughput) -> str:
    """Return the name of a timed entry's mitigation."""
    return stored.throughput.mitigation.name if stored.throughput.mitigation else ""


def mean_drops(standing: Standing) -> Callable[[StoredThroughput], float | None]:
    """Return what finds the mean drop of a timed entry on its host, in points; None where it is not known."""
    rows = standing.entries.rows
    means = standing.mean_drops(np.ones(len(standing.entries.conditions), bool))
    known = {
        (row.model, row.mitigation, row.environment): 100 * float(mean)
        for row, mean in zip(rows, means, strict=True)
        if row.limit is None and not np.isnan(mean)
    }

    def found(stored: StoredThroughput) -> float | None:
        of = stored.throughput
        return known.get((of.model, of.mitigation, stored.environment)) if of.model and of.mitigation else None

    return found


def entry_columns(standing: Standing, shown: Sequence[Named]) -> Columns:
    """Return entries as a table: rates with the lowest and the highest repeat, latencies in ms, memory in MiB."""
    drops, stored = mean_drops(standing), [each for _, each in shown]
    return {
        "entry": [name for name, _ in shown],
        **spread_columns(stored, "images_per_second_at_1", "batch 1, images/s"),
        "best batch": [None if (batch := value(each, "best_batch")) is None else int(batch) for each in stored],
        **spread_columns(stored, AT_BEST, "best batch, images/s"),
        "batch 1 / reference": [value(each, "relative_at_1") for each in stored],
        "best batch / reference": [value(each, "relative_at_best") for each in stored],
        **{f"p{part}, ms": [value(each, f"latency_p{part}_ms") for each in stored] for part in PERCENTILES},
        "peak memory, MiB": [value(each, "peak_memory_mib") for each in stored],
        "mean drop, points": [drops(each) for each in stored],
        "reference": [str(each.throughput.reference or "") for each in stored],
        "reference steady": [STEADY[each.throughput.steady] for each in stored],
        "timed": [each.created_at for each in stored],
    }


STEADY = {True: "yes", False: "no", None: "not known"}


def codec_columns(codecs: Sequence[StoredThroughput]) -> Columns:
    """Return what codecs cost an image, in milliseconds."""
    return {
        "codec": [str(each.throughput) for each in codecs],
        **spread_columns(codecs, "encode_ms", "encode, ms"),
        **spread_columns(codecs, "decode_ms", "decode, ms"),
        "megapixels an image": [value(each, "megapixels_per_image") for each in codecs],
        "bpp": [value(each, "bits_per_pixel") for each in codecs],
        "timed": [each.created_at for each in codecs],
    }


def spread_columns(stored: Sequence[StoredThroughput], name: str, title: str) -> Columns:
    """Return a measure and the lowest and the highest of its repeats."""
    found = [spread(each, name) for each in stored]
    titles = {"value": title, "low": f"lowest, {title}", "high": f"highest, {title}"}
    return {shown: [each.get(part) for each in found] for part, shown in titles.items()}


def rejected_columns(rejected: Sequence[StoredThroughput]) -> Columns:
    """Return what was timed and does not count, with the reason."""
    return {
        "entry or codec": [str(each.throughput) for each in rejected],
        "status": [each.throughput.status for each in rejected],
        "reason": [each.throughput.reason or "not stated" for each in rejected],
        "timed": [each.created_at for each in rejected],
    }
