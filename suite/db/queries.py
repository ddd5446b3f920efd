"""The only reader: every question that the command line, the pages and the reports ask of the results.

Each function takes an engine (see `engine`) and returns frozen records (see `records`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Engine, Select, exists, func, select

from suite.db import entries as entry_rows
from suite.db import outcomes as outcome_files
from suite.db.contents import contents, digest_of_contents, narrowed
from suite.db.engine import database_path, reading
from suite.db.entries import newest_in_each, newest_of
from suite.db.pairs import entry_name, models_named, pair
from suite.db.ranking import DEVIATING, rank
from suite.db.records import (
    CodecSetting,
    Drop,
    Entries,
    EntryRow,
    Erratum,
    Pair,
    Ranking,
    RankingRow,
    ResultDetails,
    Run,
    StoredPlugin,
    StoredProtocol,
    StoredResult,
    StoredThroughput,
    StoredVerification,
    Throughput,
)
from suite.db.rows import (
    environment_of,
    parsed,
    plugins_by_id,
    published_number,
    run_of,
    stored_results,
    taking_part,
    throughput_measures,
    throughput_of,
)
from suite.db.schema import condition, environment, erratum, plugin, protocol, verification
from suite.db.schema import published as published_table
from suite.db.schema import result as results_table
from suite.db.schema import throughput as throughput_table
from suite.db.verifications import is_measured, verifications, verifications_of
from suite.errors import DataError, StorageError, UsageError
from suite.published import PublishedNumber
from suite.spec import Environment, ProtocolSpec, Result
from suite.verification import Verification

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "DEVIATING",
    "CodecSetting",
    "Drop",
    "Entries",
    "EntryRow",
    "Erratum",
    "Pair",
    "PublishedNumber",
    "Ranking",
    "RankingRow",
    "ResultDetails",
    "Run",
    "StoredPlugin",
    "StoredProtocol",
    "StoredResult",
    "StoredThroughput",
    "StoredVerification",
    "Throughput",
    "Verification",
    "contents_digest",
    "done_cells",
    "entries",
    "environments",
    "errata",
    "failures",
    "is_measured",
    "outcomes",
    "paired_outcomes",
    "pairs",
    "plugins",
    "protocols",
    "published",
    "ranking",
    "result",
    "results",
    "runs",
    "state",
    "throughput",
    "usable_ranking",
    "verifications",
    "withdrawn",
]


def done_cells(engine: Engine, environment_digest: str) -> set[str]:
    """Return the digests of the cells that need not run again there: the newest result is ok and has no erratum."""
    of = results_table.c
    here = select(environment.c.id).where(environment.c.digest == environment_digest).scalar_subquery()
    newest = newest_in_each(select(of.id).where(of.environment_id == here), of.cell)
    withdrawn = exists().where(erratum.c.result_id == of.id)
    with reading(engine) as connection:
        return set(connection.scalars(select(of.cell).where(of.id.in_(newest), of.status == "ok", ~withdrawn)))


def state(engine: Engine) -> str:
    """Return what changes whenever something is recorded: for whoever keeps what was read."""
    tables = (results_table, erratum, throughput_table, published_table, protocol, verification)
    with reading(engine) as connection:
        return ".".join(str(connection.scalar(select(func.max(table.c.id))) or 0) for table in tables)


def protocols(engine: Engine) -> tuple[StoredProtocol, ...]:
    """Return the protocols that results were recorded under, by name and version."""
    counted = (
        select(func.count())
        .select_from(results_table.join(condition))
        .where(condition.c.protocol_id == protocol.c.id)
        .scalar_subquery()
    )
    query = select(protocol, counted.label("results")).order_by(protocol.c.name, protocol.c.version, protocol.c.id)
    with reading(engine) as connection:
        return tuple(
            StoredProtocol(
                digest=row.digest, spec=parsed(row.spec, ProtocolSpec), first_seen=row.first_seen, results=row.results
            )
            for row in connection.execute(query)
        )


def plugins(engine: Engine) -> tuple[StoredPlugin, ...]:
    """Return every plugin that took part in a result, with its card."""
    with reading(engine) as connection:
        stored = plugins_by_id(connection).values()
    return tuple(
        sorted(stored, key=lambda found: (found.ref.kind, found.ref.name, found.ref.version, found.ref.digest))
    )


def ranking(engine: Engine, protocol_digest: str, task: str | None = None, *, released: bool) -> Ranking:
    """Rank the entries of one protocol, best first; empty for a protocol without results.

    ``released`` says whether the protocol is one: drafts are listed, never ranked. Each track has its own ranks.
    """
    found = entries(engine, protocol_digest, task, released=released)
    return Ranking() if found is None else Ranking.of(map(found.row, range(len(found.rows))))


def usable_ranking(
    engine: Engine, protocol_digest: str, task: str | None = None, *, models: Collection[str] = (), released: bool
) -> Ranking:
    """Rank without trials and without what does not conform, for what is computed of several results at once.

    ``models`` are names; all where none is given.
    """
    with reading(engine) as connection:
        stored = connection.execute(select(protocol).where(protocol.c.digest == protocol_digest)).one_or_none()
        if stored is None:
            return Ranking()
        named = select(plugin.c.id).where(plugin.c.kind == "model", plugin.c.name.in_(models))
        only = [results_table.c.model_id.in_(named)] if models else []
        kept = stored_results(connection, newest_of(stored.id, task, *only))
        usable = (each for each in kept if is_usable(each.result))
        return rank(parsed(stored.spec, ProtocolSpec), usable, released=released)


def entries(engine: Engine, protocol_digest: str, task: str | None = None, *, released: bool) -> Entries | None:
    """Return the entries of one protocol as columns, in a ranking's order; None for a protocol without results.

    The same entries as in `ranking`, thousands of them in a fraction of a second.
    """
    with reading(engine) as connection:
        stored = connection.execute(select(protocol).where(protocol.c.digest == protocol_digest)).one_or_none()
        if stored is None:
            return None
        return entry_rows.read(connection, stored.id, parsed(stored.spec, ProtocolSpec), task=task, released=released)


def withdrawn(engine: Engine, protocol_digest: str) -> int:
    """Return how many results under a protocol have an erratum."""
    with reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(withdrawn_under(protocol_digest).subquery())) or 0


def errata(engine: Engine, protocol_digest: str | None = None) -> tuple[StoredResult, ...]:
    """Return the results, all or those under a protocol, that have an erratum, newest first."""
    with reading(engine) as connection:
        return tuple(stored_results(connection, withdrawn_under(protocol_digest)))


def withdrawn_under(protocol_digest: str | None) -> Select[Any]:
    """Select the numbers of the results, all or those under a protocol, that have an erratum, each once."""
    under = erratum.join(results_table).join(condition).join(protocol)
    query = select(erratum.c.result_id).distinct().select_from(under)
    return query if protocol_digest is None else query.where(protocol.c.digest == protocol_digest)


def contents_digest(engine: Engine, protocol_digest: str) -> str:
    """Return the digest of everything that was measured under a protocol, ``sha256:…``.

    It is the same for the same results in any database, and that of a snapshot of this protocol.
    """
    with reading(engine) as connection:
        return digest_of_contents(narrowed(contents(connection), {protocol_digest}))


def pairs(
    engine: Engine,
    protocol_digest: str,
    first: str,
    second: str,
    *,
    task: str | None = None,
    environment_digest: str | None = None,
) -> tuple[Pair, ...]:
    """Return what two entries measured on the same samples, condition by condition in the protocol's order.

    Entries are named as a ranking shows them: ``"model"`` or ``"model + mitigation"``. ``environment_digest``, or its
    beginning, names the machine; else it is the one they were measured on last. Raises UsageError for a name that no
    entry has, and for entries without a condition in common.
    """
    with reading(engine) as connection:
        stored = connection.execute(select(protocol).where(protocol.c.digest == protocol_digest)).one_or_none()
        if stored is None:
            raise UsageError("No results are stored under this protocol. Measure both entries with: suite run PROTOCOL")
        named = select(plugin.c.id).where(plugin.c.kind == "model", plugin.c.name.in_(models_named(first, second)))
        found = list(stored_results(connection, newest_of(stored.id, task, results_table.c.model_id.in_(named))))
        if not {first, second} <= set(map(entry_name, found)):  # all of them, for what there is instead
            found = list(stored_results(connection, newest_of(stored.id, task)))
        return pair(parsed(stored.spec, ProtocolSpec), found, first, second, environment=environment_digest)


def paired_outcomes(engine: Engine, found: Pair) -> tuple[pa.Table, pa.Table]:
    """Return the per-sample tables of both results of a pair.

    Raises DataError where they are not of the same samples in the same order, StorageError where a result was stored
    without a table, DamagedOutcomes where that is missing or altered.
    """
    directory = outcome_files.outcomes_directory(database_path(engine).resolve())
    for stored in (found.first, found.second):
        if not stored.result.outcomes:
            raise StorageError(
                f"Result {stored.id} ({stored.result.cell}) has no per-sample outcomes. Measure it with 'suite run'."
            )
    first, second = (outcome_files.read(directory, each.result.outcomes) for each in (found.first, found.second))
    if not first["truth"].equals(second["truth"]):
        raise DataError(
            f"Results {found.first.id} and {found.second.id} ({found.condition}) hold other samples, or in another "
            f"order: {first.num_rows} and {second.num_rows} rows whose truths differ. Measure both again."
        )
    return first, second


def outcomes(engine: Engine, result_ids: Collection[int]) -> dict[int, pa.Table]:
    """Return the per-sample tables of results by their numbers; one that was stored without a table is not there.

    Raises DamagedOutcomes where a table is missing or altered.
    """
    of = results_table.c
    directory = outcome_files.outcomes_directory(database_path(engine).resolve())
    with reading(engine) as connection:
        rows = connection.execute(select(of.id, of.outcomes).where(of.id.in_(result_ids), of.outcomes != "")).all()
    return {row.id: outcome_files.read(directory, row.outcomes) for row in rows}


def is_usable(measured: Result) -> bool:
    """Whether a result is of all samples and of a machine whose codecs conform."""
    return measured.conformant and measured.cell.condition.limit is None


def results(
    engine: Engine,
    protocol_digest: str | None = None,
    *,
    model: str | None = None,
    status: Literal["ok", "failed"] | None = None,
    run_id: int | None = None,
    cell: str | None = None,
    limit: int | None = None,
) -> tuple[StoredResult, ...]:
    """Return results, newest first; ``model`` is a name, ``cell`` a digest, ``limit`` how many at most."""
    of = results_table.c
    query = select(of.id).order_by(of.id.desc()).limit(limit)
    if protocol_digest is not None:
        under = select(condition.c.id).join(protocol).where(protocol.c.digest == protocol_digest)
        query = query.where(of.condition_id.in_(under))
    if model is not None:
        query = query.where(
            of.model_id.in_(select(plugin.c.id).where(plugin.c.kind == "model", plugin.c.name == model))
        )
    if status is not None:
        query = query.where(of.status == status)
    if run_id is not None:
        query = query.where(of.run_id == run_id)
    if cell is not None:
        query = query.where(of.cell == cell)
    with reading(engine) as connection:
        return tuple(stored_results(connection, query))


def failures(engine: Engine, run_id: int) -> tuple[StoredResult, ...]:
    """Return what failed in one run, newest first."""
    return results(engine, run_id=run_id, status="failed")


def published(
    engine: Engine, source: str | None = None, *, model: str | None = None, task: str | None = None
) -> tuple[PublishedNumber, ...]:
    """Return what papers print, in their order; of a number that was transcribed twice the newer counts.

    ``source`` names a study, ``model`` and ``task`` are the paper's words. No ranking ever reads these.
    """
    of = published_table.c
    wanted = {"source": source, "model": model, "task": task}
    newest = select(func.max(of.id)).group_by(*(of[name] for name in WHICH_NUMBER))
    query = select(published_table).where(of.id.in_(newest)).order_by(of.id)
    query = query.where(*(of[name] == value for name, value in wanted.items() if value is not None))
    with reading(engine) as connection:
        return tuple(published_number(row) for row in connection.execute(query))


WHICH_NUMBER = ("source", "table", "task", "dataset", "model", "metric", "codec", "parameter", "setting", "mitigation")
"""The columns that say which number of a paper a row holds."""


def result(engine: Engine, result_id: int) -> ResultDetails:
    """Return one result with everything that is known of it. Raises UsageError where there is none."""
    of = results_table.c
    with reading(engine) as connection:
        found = list(stored_results(connection, select(of.id).where(of.id == result_id)))
        if not found:
            raise UsageError(f"There is no result {result_id}. Run 'suite show' for the list.")
        stored = found[0]
        cards = {
            (each.ref.kind, each.ref.digest, each.ref.name): each.card for each in plugins_by_id(connection).values()
        }
        return ResultDetails(
            stored=stored,
            environment=environment_of(connection, stored.environment),
            run=run_of(connection, stored.run),
            plugins=tuple(
                StoredPlugin(ref=ref, card=cards[ref.kind, ref.digest, ref.name])
                for ref in taking_part(stored.result.cell)
            ),
            verifications=verifications_of(connection, stored.result.cell),
        )


def environments(engine: Engine, digests: Collection[str]) -> dict[str, Environment]:
    """Return recorded environments by their digests."""
    of = environment.c
    with reading(engine) as connection:
        known = connection.scalars(select(of.digest).where(of.digest.in_(digests))).all()
        return {digest: environment_of(connection, digest) for digest in known}


def runs(engine: Engine, numbers: Collection[int]) -> tuple[Run, ...]:
    """Return the runs of those numbers, newest first."""
    with reading(engine) as connection:
        return tuple(run_of(connection, number) for number in sorted(set(numbers), reverse=True))


def throughput(engine: Engine, protocol_digest: str, *, run_id: int | None = None) -> tuple[StoredThroughput, ...]:
    """Return what was timed under one protocol, newest first; ``run_id`` narrows it to one run."""
    of = throughput_table.c
    query = (
        select(throughput_table, condition.c.spec, environment.c.digest, protocol.c.name, protocol.c.version)
        .join(condition, of.condition_id == condition.c.id)
        .join(protocol, condition.c.protocol_id == protocol.c.id)
        .join(environment, of.environment_id == environment.c.id)
        .where(protocol.c.digest == protocol_digest)
        .order_by(of.id.desc())
    )
    if run_id is not None:
        query = query.where(of.run_id == run_id)
    with reading(engine) as connection:
        known, measures = plugins_by_id(connection), throughput_measures(connection)
        return tuple(
            StoredThroughput(
                id=row.id,
                created_at=row.created_at,
                protocol=f"{row.name}@{row.version}",
                environment=row.digest,
                run=row.run_id,
                throughput=throughput_of(row, known, measures[row.id]),
            )
            for row in connection.execute(query)
        )
