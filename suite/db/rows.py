"""Rows to records: how `queries` reads what it selects."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from suite.api import Card
from suite.db.records import Erratum, Run, StoredPlugin, StoredResult, Throughput
from suite.db.schema import condition, environment, erratum, metric, plugin, protocol, run, throughput_metric
from suite.db.schema import result as results_table
from suite.published import Distortion, PublishedNumber
from suite.spec import Cell, Condition, Environment, Measure, PluginRef, Result, Tuning


def stored_results(connection: Connection, ids: Select[Any]) -> Iterator[StoredResult]:
    """Yield the results whose numbers ``ids`` selects, newest first."""
    conditions, known = conditions_of(connection, ids), plugins_by_id(connection)
    environments = {row.id: row.digest for row in connection.execute(select(environment.c.id, environment.c.digest))}
    labels = {row.digest: f"{row.name}@{row.version}" for row in connection.execute(select(protocol))}
    measures, errata = measures_of(connection, ids), errata_of(connection, ids)
    query = select(results_table).where(results_table.c.id.in_(ids)).order_by(results_table.c.id.desc())
    for row in connection.execute(query):
        on = conditions[row.condition_id]
        cell = Cell(condition=on, model=known[row.model_id].ref, mitigation=known[row.mitigation_id].ref)
        yield StoredResult(
            id=row.id,
            created_at=row.created_at,
            protocol=labels[on.protocol],
            environment=environments[row.environment_id],
            run=row.run_id,
            result=result_of(row, cell, measures[row.id]),
            errata=tuple(errata[row.id]),
        )


def result_of(row: Any, cell: Cell, measures: list[Measure]) -> Result:
    """Return the result that a row holds."""
    return Result(
        cell=cell,
        status=row.status,
        conformant=row.conformant,
        tuning=parsed(row.tuning, Tuning),
        reason=row.reason,
        measures=tuple(measures),
        outcomes=row.outcomes,
        frames=row.frames,
    )


def conditions_of(connection: Connection, ids: Select[Any]) -> dict[int, Condition]:
    """Return the conditions of the selected results by their numbers."""
    wanted = select(results_table.c.condition_id).where(results_table.c.id.in_(ids))
    query = select(condition.c.id, condition.c.spec).where(condition.c.id.in_(wanted))
    return {row.id: parsed(row.spec, Condition) for row in connection.execute(query)}


def measures_of(connection: Connection, ids: Select[Any]) -> dict[int, list[Measure]]:
    """Return the metrics of the selected results by their numbers."""
    found: dict[int, list[Measure]] = defaultdict(list)
    for row in connection.execute(select(metric).where(metric.c.result_id.in_(ids))):
        found[row.result_id].append(Measure(name=row.name, value=row.value, low=row.low, high=row.high))
    return found


def errata_of(connection: Connection, ids: Select[Any]) -> dict[int, list[Erratum]]:
    """Return the errata of the selected results by their numbers, oldest first."""
    found: dict[int, list[Erratum]] = defaultdict(list)
    for row in connection.execute(select(erratum).where(erratum.c.result_id.in_(ids)).order_by(erratum.c.id)):
        found[row.result_id].append(Erratum(id=row.id, author=row.author, reason=row.reason, created_at=row.created_at))
    return found


def plugins_by_id(connection: Connection) -> dict[int, StoredPlugin]:
    """Return every plugin by its number; there are as many as people wrote, so a query needs no fewer."""
    return {
        row.id: StoredPlugin(
            ref=PluginRef(kind=row.kind, name=row.name, version=row.version, digest=row.digest),
            card=row.card and parsed(row.card, Card),
        )
        for row in connection.execute(select(plugin))
    }


def environment_of(connection: Connection, digest: str) -> Environment:
    """Return a recorded environment."""
    row = connection.execute(select(environment).where(environment.c.digest == digest)).one()
    return Environment(identity=json.loads(row.identity), details=json.loads(row.details))


def run_of(connection: Connection, number: int) -> Run:
    """Return a recorded run."""
    row = connection.execute(select(run).where(run.c.id == number)).one()
    return Run(
        id=row.id, started_at=row.started_at, command=tuple(json.loads(row.command)), suite_version=row.suite_version
    )


def taking_part(cell: Cell) -> list[PluginRef]:
    """Return the plugins of a cell, each once."""
    on = cell.condition
    return list(dict.fromkeys(ref for ref in (on.dataset, on.codec, on.geometry, cell.model, cell.mitigation) if ref))


def parsed(text: str, kind: type[Any]) -> Any:
    """Return the spec in stored JSON."""
    return msgspec.json.decode(text, type=kind)


def published_number(row: Any) -> PublishedNumber:
    """Return the number of a paper that a row holds."""
    values = dict(row._mapping)
    stated = {name: values.pop(name) for name in Distortion.__struct_fields__}
    kept = {name: values[name] for name in PublishedNumber.__struct_fields__ if name in values}
    return PublishedNumber(**kept, distortion=None if stated["psnr_db"] is None else Distortion(**stated))


def throughput_of(row: Any, known: dict[int, StoredPlugin], measures: list[Measure]) -> Throughput:
    """Return the timing that a row holds."""

    def ref(number: int | None) -> PluginRef | None:
        return None if number is None else known[number].ref

    return Throughput(
        work=row.work,
        condition=parsed(row.spec, Condition),
        model=ref(row.model_id),
        mitigation=ref(row.mitigation_id),
        reference=ref(row.reference_id),
        status=row.status,
        reason=row.reason,
        steady=row.steady,
        settings=json.loads(row.settings),
        measures=tuple(measures),
    )


def throughput_measures(connection: Connection) -> dict[int, list[Measure]]:
    """Return the measures of every timing by its number."""
    found: dict[int, list[Measure]] = defaultdict(list)
    for row in connection.execute(select(throughput_metric)):
        found[row.throughput_id].append(Measure(name=row.name, value=row.value, low=row.low, high=row.high))
    return found
