"""From a database to the files of a publication: reads, says, draws, and lists every file in a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Engine

from suite import __version__
from suite.db import queries
from suite.db.queries import StoredProtocol
from suite.errors import DamagedOutcomes, UsageError
from suite.progress import Progress
from suite.protocols import is_released
from suite.report import citation, rates
from suite.report.attribution import credits_of, stored_cards
from suite.report.board.standing import Standing, standing_of
from suite.report.publication import folder
from suite.report.publication.document import Document
from suite.report.publication.drawings import figures_of
from suite.report.publication.latex import latex_of
from suite.report.publication.markdown import markdown_of, table_markdown
from suite.report.publication.page import html_of
from suite.report.publication.rendering import check_installed
from suite.report.publication.sections import MOST_COMPARED, Findings, sections_of
from suite.report.publication.tracks import Track, tracks_of
from suite.report.rates import RateTable
from suite.report.tables import Standings
from suite.report.ties import standings_of
from suite.spec import Environment, ProtocolSpec, to_json

KIND = "report/1"
READINGS = 6


def publish(engine: Engine, spec: ProtocolSpec, out: Path, *, force: bool, progress: Progress) -> dict[str, str]:
    """Write what was measured under a protocol into the folder ``out``; return the manifest's digests by file.

    ``force`` writes over an earlier publication. Raises UsageError without results, where ``out`` is taken, or where
    what draws figures is missing; StorageError where ``out`` cannot be written: then nothing in it has changed.
    """
    check_installed()
    folder.check(out, force=force)
    found = read(engine, stored_protocol(engine, spec), progress)
    document = Document(
        title=f"{spec.label}: {spec.title}" if spec.title else spec.label,
        sections=sections_of(found, figures_of(found, progress)),
    )
    files = files_of(document)
    folder.write(out, {**files, folder.MANIFEST: manifest(found, files)}, force=force)
    return digests(files)


def stored_protocol(engine: Engine, spec: ProtocolSpec) -> StoredProtocol:
    """Return a protocol as results were recorded under it. Raises UsageError where there are none."""
    for stored in queries.protocols(engine):
        if stored.digest == spec.digest and stored.results:
            return stored
    raise UsageError(f"The database has no results of {spec.label} yet. Run: suite run {spec.label}")


def read(engine: Engine, stored: StoredProtocol, progress: Progress) -> Findings:
    """Return everything that a publication says of a protocol."""
    progress.start("reading", READINGS)
    standing, released = standing_of(engine, stored), is_released(stored.spec)
    tracks = tracks_of(standing)
    progress.advance(1)
    ties = ties_of(engine, tracks)
    progress.advance(1)
    curves = curves_of(tracks) or rates.rate_tables(engine, stored.digest, released=released)
    progress.advance(1)
    timings = queries.throughput(engine, stored.digest)
    progress.advance(1)
    digest = queries.contents_digest(engine, stored.digest)
    progress.advance(1)
    cards = stored_cards(queries.plugins(engine))
    found = Findings(
        spec=stored.spec,
        digest=digest,
        newest=max(row.created_at for row in standing.entries.rows),
        tracks=tracks,
        ties=ties,
        badges=standing.badges,
        rates=curves,
        timings=timings,
        errata=queries.errata(engine, stored.digest),
        environments=environments_of(engine, standing),
        citation=citation.cite(stored.spec, credits_of(stored.spec, cards), released=released, snapshot=digest),
    )
    progress.advance(1)
    return found


def ties_of(engine: Engine, tracks: list[Track]) -> Standings | None:
    """Return what the ranks are worth, None where per-sample outcomes are damaged."""
    try:
        return standings_of(engine, [row for track in tracks for row in track.ranking.ranked])
    except DamagedOutcomes:
        return None


def curves_of(tracks: list[Track]) -> tuple[RateTable, ...]:
    """Return the curves of the best entries with every setting, as `suite rates` gives them; empty where none has."""
    shown = [track.drawn[:MOST_COMPARED] for track in tracks if track.drawn]
    labels = rates.labels_of(drop for rows in shown for row in rows for drop in row.drops)
    reference = rates.chosen_reference(None, list(labels.values())) if labels else ""
    return tuple(rates.table_of(rows, labels, reference) for rows in shown)


def environments_of(engine: Engine, standing: Standing) -> dict[str, Environment]:
    """Return the machines that entries were measured on, by digest."""
    on = {row.environment: row.result_id for row in standing.entries.rows}
    return {digest: queries.result(engine, number).environment for digest, number in sorted(on.items())}


def files_of(document: Document) -> dict[str, bytes]:
    """Return every file but the manifest, by its path in the folder."""
    files = {"report.html": html_of(document).encode(), "report.md": markdown_of(document).encode()}
    for named in document.tables:
        files[f"tables/{named.name}.md"] = f"{table_markdown(named)}\n".encode()
        files[f"tables/{named.name}.tex"] = latex_of(named).encode()
    for figure in document.figures:
        files |= {f"figures/{figure.name}.{suffix}": data for suffix, data in figure.files.items()}
    return files


def manifest(found: Findings, files: Mapping[str, bytes]) -> bytes:
    """Return what the folder holds, and of which results; the time is that of the newest one."""
    said = {
        "kind": KIND,
        "suite_version": __version__,
        "protocol": found.spec.label,
        "protocol_digest": found.spec.digest,
        "released": is_released(found.spec),
        "results_digest": found.digest,
        "newest_result": json.loads(to_json(found.newest)),
        "files": digests(files),
    }
    return f"{json.dumps(said, indent=2)}\n".encode()


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of files by their paths, in order."""
    return {path: hashlib.sha256(files[path]).hexdigest() for path in sorted(files)}
