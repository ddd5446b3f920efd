"""Everything that is recorded of one entry: its results, where and how they were measured, and how to repeat them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Engine

from suite.api import Card
from suite.db import queries
from suite.db.queries import EntryRow, RankingRow, Run, StoredResult, StoredVerification
from suite.report.board.columns import Columns
from suite.report.board.hosts import host_label
from suite.report.board.standing import Standing, track_name
from suite.report.tables import entry_of, in_order, interval, points
from suite.spec import ORIGINAL, Environment, PluginRef

NOTHING = "not stated"
CARD_FIELDS = {
    "summary": "summary",
    "authors": "authors",
    "licence": "licence",
    "paper": "paper",
    "code": "code",
    "training_data": "training data",
    "parameters": "parameters",
}


@dataclass(frozen=True, kw_only=True)
class EntryReport:
    """What is recorded of an entry: all results, also those that failed, were withdrawn or made anew, the newest first.

    Those of the unmitigated model on the originals are among them; ``runs`` and ``verifications``, which are those of
    its model and of its mitigation, are the newest first.
    """

    row: EntryRow
    results: tuple[StoredResult, ...]
    environment: Environment
    runs: tuple[Run, ...]
    verifications: tuple[StoredVerification, ...]


def read_entry(engine: Engine, protocol_digest: str, row: EntryRow) -> EntryReport:
    """Return what is recorded of an entry under a protocol."""
    found = queries.results(engine, protocol_digest, model=row.model.name)
    results = tuple(each for each in found if is_of(each, row))
    return EntryReport(
        row=row,
        results=results,
        environment=queries.environments(engine, [row.environment])[row.environment],
        runs=queries.runs(engine, {each.run for each in results}),
        verifications=tuple(
            each
            for each in queries.verifications(engine, protocol_digest)
            if each.verification.plugin in (row.model, row.mitigation)
        ),
    )


def is_of(stored: StoredResult, row: EntryRow) -> bool:
    """Whether a result is an entry's, or its reference's."""
    cell = stored.result.cell
    on = cell.condition
    here = (cell.model, stored.environment, on.task, on.dataset, on.split, on.manifest, on.limit)
    wanted = (row.model, row.environment, row.task, row.dataset, row.split, row.manifest, row.limit)
    return here == wanted and (
        cell.mitigation == row.mitigation or (on.is_reference and cell.mitigation.name == ORIGINAL)
    )


def entry_names(standing: Standing) -> list[str]:
    """Return the names of all entries, each once, in a ranking's order."""
    return in_order(map(entry_of, standing.entries.rows))


def places_of(standing: Standing, name: str) -> list[int]:
    """Return where the entries of a name stand: of several machines, versions, tracks and trials."""
    return [place for place, row in enumerate(standing.entries.rows) if entry_of(row) == name]


def place_labels(standing: Standing, places: Sequence[int], environments: dict[str, Environment]) -> list[str]:
    """Return what tells entries of one name apart, each label once."""
    rows = [standing.entries.rows[place] for place in places]
    return [
        f"{track_name(row)}; {row.model}, {row.samples:,} images, "
        f"{host_label(row.environment, environments.get(row.environment))}; result {row.result_id}"
        for row in rows
    ]


def facts_of(standing: Standing, report: EntryReport) -> list[str]:
    """Return the entry's standing in a few lines."""
    row = report.row
    rank = f"Rank {row.rank}" if row.rank else f"No rank: {row.why_unranked}"
    return [
        f"{entry_of(row)} under {standing.protocol.label} ({standing.protocol.digest})",
        f"{rank}. {track_name(row)}",
        f"Original: {interval(row.reference)} %; mean drop: {points(row.mean_drop)} points; {row.samples:,} images",
        f"Measured on {host_label(row.environment, report.environment)}, last on {row.created_at:%Y-%m-%d %H:%M} UTC",
    ]


def card_columns(standing: Standing, row: EntryRow) -> Columns:
    """Return what the cards of the model and the mitigation say."""
    refs = {"model": row.model, "mitigation": row.mitigation}
    columns: Columns = {"what": ["name", *CARD_FIELDS.values()]}
    return columns | {
        title: [ref.name, *(card_value(standing.card(ref), name) for name in CARD_FIELDS)]
        for title, ref in refs.items()
    }


def card_value(card: Card, name: str) -> str:
    """Return a field of a card as text."""
    value = getattr(card, name)
    return f"{value:,}" if isinstance(value, int) else value or NOTHING


def plugins_of(report: EntryReport) -> list[PluginRef]:
    """Return the plugins that took part, each once: the entry's own first, then the dataset and the codecs."""
    conditions = [each.result.cell.condition for each in reversed(report.results)]
    codecs = [on.codec for on in conditions]
    return list(dict.fromkeys((report.row.model, report.row.mitigation, report.row.dataset, *codecs)))


def plugin_columns(report: EntryReport) -> Columns:
    """Return the versions, digests and builds of everything that took part."""
    refs = plugins_of(report)
    return {
        "kind": [str(ref.kind) for ref in refs],
        "name": [ref.name for ref in refs],
        "version": [ref.version for ref in refs],
        "digest": [ref.digest for ref in refs],
        "build": [ref.build for ref in refs],
    }


def result_columns(standing: Standing, report: EntryReport, counted: Iterable[int]) -> Columns:
    """Return every result, in the protocol's order and the newest of each condition first.

    Values are in percent, drops in points, rates in bits per pixel. ``counted`` are the numbers of those that the
    ranking takes.
    """
    order = {str(on): place for place, on in enumerate(standing.entries.conditions)}
    found = sorted(report.results, key=lambda each: order.get(slot_name(each), -1))
    taken, metric = frozenset(counted), report.row.metric
    measures = [each.measure(metric) for each in found]
    return {
        "result": [each.id for each in found],
        "condition": [str(each.result.cell.condition) for each in found],
        f"{metric}, %": [percent_or_none(measure.value if measure else None) for measure in measures],
        "low, %": [percent_or_none(measure.low if measure else None) for measure in measures],
        "high, %": [percent_or_none(measure.high if measure else None) for measure in measures],
        "drop, points": [drop_of(each, report.row) for each in found],
        "bpp": [value_of(each, "bits_per_pixel") for each in found],
        "PSNR, dB": [value_of(each, "psnr_db") for each in found],
        "SSIM": [value_of(each, "ssim") for each in found],
        "status": [status_of(each, taken) for each in found],
        "recorded": [each.created_at for each in found],
        "run": [each.run for each in found],
    }


def slot_name(stored: StoredResult) -> str:
    """Return a result's condition as `suite.db.queries.CodecSetting` names it."""
    on = stored.result.cell.condition
    return f"{on.label} {on.parameter} {on.value}"


def percent_or_none(fraction: float | None) -> float | None:
    """Return a fraction in percent."""
    return None if fraction is None else 100 * fraction


def value_of(stored: StoredResult, name: str) -> float | None:
    """Return a measure's value."""
    found = stored.measure(name)
    return found.value if found else None


def drop_of(stored: StoredResult, row: EntryRow) -> float | None:
    """Return what a compressed condition costs against the entry's reference, in points."""
    value = value_of(stored, row.metric)
    if value is None or row.reference is None or stored.result.cell.condition.is_reference:
        return None
    return 100 * (row.reference.value - value)


def status_of(stored: StoredResult, taken: frozenset[int]) -> str:
    """Return whether a result counts, and why not."""
    if stored.result.status == "failed":
        return "failed"
    if stored.errata:
        return "withdrawn"
    if stored.id not in taken:
        return "another one counts"
    return "counts" if stored.result.conformant else "does not conform"


def counted_results(row: RankingRow) -> list[int]:
    """Return the numbers of the results that a ranking takes."""
    return [drop.result_id for drop in row.drops] + [row.reference_id or 0]


def erratum_columns(report: EntryReport) -> Columns:
    """Return why results were withdrawn, and who says so."""
    found = [(each, erratum) for each in report.results for erratum in each.errata]
    return {
        "result": [each.id for each, _ in found],
        "condition": [str(each.result.cell.condition) for each, _ in found],
        "author": [erratum.author for _, erratum in found],
        "reason": [erratum.reason for _, erratum in found],
        "date": [erratum.created_at for _, erratum in found],
    }


def verification_columns(report: EntryReport) -> Columns:
    """Return who made predictions again, and what came of it; shares in percent."""
    found = [each.verification for each in report.verifications]
    return {
        "badge": [each.word for each in found],
        "date": [each.date for each in found],
        "by": [each.author for each in found],
        "of": [str(each.plugin) for each in found],
        "images": ["all" if each.limit is None else f"the first {each.limit:,}" for each in found],
        "share asked for, %": [100 * each.share for each in found],
        "made again": [each.compared for each in found],
        "different": [each.differing for each in found],
        "tolerance, %": [100 * each.tolerance for each in found],
        "isolation": [each.isolation for each in found],
        "environment": [each.environment for each in found],
        "predictions, SHA-256": [each.predictions_sha256 for each in found],
    }


def failure_columns(report: EntryReport) -> Columns:
    """Return what failed, and why."""
    found = [each for each in report.results if each.result.status == "failed"]
    return {
        "result": [each.id for each in found],
        "condition": [str(each.result.cell.condition) for each in found],
        "reason": [each.result.reason for each in found],
        "recorded": [each.created_at for each in found],
    }


def run_columns(report: EntryReport) -> Columns:
    """Return the commands that measured the entry, quoted for a shell."""
    return {
        "run": [run.id for run in report.runs],
        "started": [run.started_at for run in report.runs],
        "suite": [run.suite_version for run in report.runs],
        "command": [command_of(run) for run in report.runs],
    }


def command_of(run: Run) -> str:
    """Return the command of a run, quoted for a shell; recorded are its arguments."""
    return shlex.join(run.command if run.command[:1] == ("suite",) else ("suite", *run.command))


def general_command(standing: Standing, report: EntryReport) -> str:
    """Return the command that measures an entry of these names under the protocol, quoted for a shell."""
    row = report.row
    conditions = [each.result.cell.condition for each in report.results]
    codecs = in_order(on.label for on in reversed(conditions) if not on.is_reference)
    mitigated = row.mitigation.name != ORIGINAL
    return shlex.join(
        [
            *("suite", "run", standing.protocol.label, "--model", row.model.name),
            *(("--mitigation", row.mitigation.name) if mitigated else ()),
            *(part for codec in codecs for part in ("--codec", codec)),
            *(("--limit", str(row.limit)) if row.limit is not None else ()),
        ]
    )


def everything(standing: Standing, report: EntryReport) -> bytes:
    """Return all of it as JSON."""
    row = report.row
    content: dict[str, Any] = {
        "entry": entry_of(row),
        "protocol": {"label": standing.protocol.label, "digest": standing.protocol.digest},
        "standing": row,
        "cards": {"model": standing.card(row.model), "mitigation": standing.card(row.mitigation)},
        "plugins": plugins_of(report),
        "environment": {"digest": row.environment, "recorded": report.environment},
        "command": general_command(standing, report),
        "runs": report.runs,
        "results": report.results,
        "verifications": report.verifications,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1)
