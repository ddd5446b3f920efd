"""What the rows of a snapshot must say before any of them is taken: each digest is that of its content, and more.

A file's digest finds damage; these find what no suite would have written, whoever sealed it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection, select

from suite.api import Card
from suite.db.contents import MEASURES, Contents, Row
from suite.db.records import Verdict, Work
from suite.db.rows import parsed, published_number
from suite.db.schema import published
from suite.db.store import condition_values
from suite.db.verifications import verification_of
from suite.spec import Cell, Condition, Environment, PluginRef, ProtocolSpec, Status, Tuning, Value
from suite.verification import faults_of

DIGEST = re.compile("sha256:[0-9a-f]{64}")
KINDS = {"dataset_id": "dataset", "codec_id": "codec", "geometry_id": "model"} | {
    "model_id": "model",
    "mitigation_id": "mitigation",
    "reference_id": "model",
}
"""The kind of plugin that a column points at."""


def problems_of_numbers(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with the metrics of a database and with the numbers of papers."""
    for owner, table in MEASURES.items():
        for row in connection.execute(select(table)):
            number, name, *values = row
            if not (isinstance(name, str) and all(map(is_number, values))):
                yield f"the metric '{name}' of {owner} {number} is no finite number"
    for row in connection.execute(select(published)):
        if published_number(row).digest != row.digest:
            yield f"the paper's number {row.id} does not have its digest"


def is_number(value: object) -> bool:
    """Whether a value can be a metric's, or one of its bounds."""
    return value is None or (isinstance(value, float) and math.isfinite(value))


def problems_of(found: Contents) -> Iterator[str]:
    """Yield what is wrong with the rows of a database.

    May raise ValueError, TypeError or msgspec's errors instead, for a row that cannot be understood.
    """
    for name, rows in found.items():
        for row in rows:
            if any(isinstance(value, bytes) for value in row.values.values()):
                yield f"{name} {row.number} holds bytes"
    plugins = {row.number: plugin_of(row) for row in found["plugin"]}
    yield from problems_of_kinds(found, plugins)
    yield from problems_of_plugins(found["plugin"])
    yield from problems_of_protocols(found["protocol"])
    yield from problems_of_environments(found["environment"])
    conditions = {row.number: parsed(row.values["spec"], Condition) for row in found["condition"]}
    yield from problems_of_conditions(found, conditions, plugins)
    yield from problems_of_results(found["result"], conditions, plugins)
    yield from problems_of_timings(found["throughput"])
    yield from problems_of_verifications(found, plugins)


def plugin_of(row: Row) -> PluginRef:
    """Return the plugin in a row."""
    key = {name: row.values[name] for name in ("kind", "name", "version", "digest")}
    return msgspec.convert(key, PluginRef)


def problems_of_kinds(found: Contents, plugins: Mapping[int, PluginRef]) -> Iterator[str]:
    """Yield where a column points at a plugin of another kind."""
    for name in ("condition", "result", "throughput"):
        for row in found[name]:
            for column, kind in KINDS.items():
                number = row.values.get(column)
                if number is not None and plugins[number].kind != kind:
                    yield f"the {kind} of {name} {row.number} is a {plugins[number].kind}"


def problems_of_plugins(rows: list[Row]) -> Iterator[str]:
    """Yield what is wrong with plugins. What their digests cover is not in the database."""
    for row in rows:
        if not DIGEST.fullmatch(row.values["digest"]):
            yield f"plugin {row.number} has no digest"
        if row.values["card"] is not None:
            parsed(row.values["card"], Card)


def problems_of_protocols(rows: list[Row]) -> Iterator[str]:
    """Yield the protocols that are not what their digest says."""
    for row in rows:
        spec = parsed(row.values["spec"], ProtocolSpec)
        if (spec.digest, spec.name, spec.version) != tuple(row.values[name] for name in ("digest", "name", "version")):
            yield f"protocol {row.number} does not have its digest, its name or its version"


def problems_of_environments(rows: list[Row]) -> Iterator[str]:
    """Yield the environments that are not what their digest says."""
    for row in rows:
        identity, details = (parsed(row.values[name], dict[str, str]) for name in ("identity", "details"))
        if Environment(identity=identity, details=details).digest != row.values["digest"]:
            yield f"environment {row.number} does not have its digest"


def problems_of_conditions(
    found: Contents, conditions: Mapping[int, Condition], plugins: Mapping[int, PluginRef]
) -> Iterator[str]:
    """Yield the conditions that are not what their digest says, or that say one thing twice and not the same."""
    protocols = {row.number: row.values["digest"] for row in found["protocol"]}
    for row in found["condition"]:
        spec = conditions[row.number]
        said = condition_values(spec)
        if said != {name: row.values[name] for name in said}:
            yield f"condition {row.number} does not have its digest, or its columns are not those of its spec"
        if protocols[row.values["protocol_id"]] != spec.protocol:
            yield f"condition {row.number} is of another protocol than it says"
        for kind, ref in (("dataset", spec.dataset), ("codec", spec.codec), ("geometry", spec.geometry)):
            number = row.values[f"{kind}_id"]
            if (number and plugins[number]) != (ref and msgspec.structs.replace(ref, build="")):
                yield f"condition {row.number} points at another {kind} than it says"


def problems_of_results(
    rows: list[Row], conditions: Mapping[int, Condition], plugins: Mapping[int, PluginRef]
) -> Iterator[str]:
    """Yield the results whose cell is not what its digest says, or whose digests are none."""
    cells: dict[tuple[int, int, int], str] = {}
    for row in rows:
        of: Any = tuple(row.values[f"{name}_id"] for name in ("condition", "model", "mitigation"))
        if of not in cells:
            cells[of] = Cell(condition=conditions[of[0]], model=plugins[of[1]], mitigation=plugins[of[2]]).digest
        if cells[of] != row.values["cell"]:
            yield f"result {row.number} does not have the digest of its cell"
        for name in ("outcomes", "frames"):
            if row.values[name] and not DIGEST.fullmatch(row.values[name]):
                yield f"result {row.number} has no digest of its {name}"
        if row.values["status"] not in get_args(Status):
            yield f"result {row.number} has the status '{row.values['status']}'"
        parsed(row.values["tuning"], Tuning)


def problems_of_timings(rows: list[Row]) -> Iterator[str]:
    """Yield what is wrong with timings."""
    for row in rows:
        if row.values["work"] not in get_args(Work):
            yield f"throughput {row.number} is of no work that is timed"
        if row.values["status"] not in get_args(Verdict):
            yield f"throughput {row.number} has the status '{row.values['status']}'"
        parsed(row.values["settings"], dict[str, Value])


def problems_of_verifications(found: Contents, plugins: Mapping[int, PluginRef]) -> Iterator[str]:
    """Yield what is wrong with verifications."""
    protocols, environments = (
        {row.number: row.values["digest"] for row in found[name]} for name in ("protocol", "environment")
    )
    for row in found["verification"]:
        of = row.values
        names = {"protocol_digest": protocols[of["protocol_id"]], "environment": environments[of["environment_id"]]}
        for fault in faults_of(verification_of(of, plugins[of["plugin_id"]], protocol="", **names)):
            yield f"verification {row.number}: {fault}"
