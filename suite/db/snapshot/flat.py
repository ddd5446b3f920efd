"""Results as flat tables for other tools: Parquet has a row a metric of a result, JSON an object a result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from suite.db.records import StoredResult
from suite.db.rows import stored_results
from suite.db.schema import result as results_table
from suite.db.schema import run as runs_table
from suite.digest import canonical_json
from suite.spec import PluginRef, to_json

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 5000
"""Results a row group: what is in memory as plain objects at once."""

COLUMNS = (
    *("result", "created_at", "protocol", "protocol_digest", "task", "dataset", "dataset_version", "dataset_digest"),
    *("split", "manifest", "samples", "limit", "codec", "codec_version", "codec_digest", "codec_build", "variant"),
    *("parameters", "parameter", "setting", "setting_number", "axis", "order", "geometry"),
    *("model", "model_version", "model_digest", "mitigation", "mitigation_version", "mitigation_digest"),
    *("environment", "device", "run", "suite_version", "status", "reason", "conformant", "withdrawn", "errata"),
    *("outcomes", "frames", "metric", "metric_value", "metric_low", "metric_high"),
)
"""The columns of the Parquet file."""

NOT_TEXT = {
    **dict.fromkeys(("result", "samples", "limit", "run"), "int64"),
    **dict.fromkeys(("conformant", "withdrawn"), "bool"),
    **dict.fromkeys(("setting_number", "metric_value", "metric_low", "metric_high"), "double"),
    "created_at": "time",
}


def write_json(connection: Connection, path: Path) -> None:
    """Write a list of objects, one a result, in the order in which they were recorded.

    ``metrics`` goes by name; each has ``value`` and its 95 % interval ``low`` to ``high``, null where none is known.
    """
    versions = suite_versions(connection)
    rows = (to_json(as_object(stored, versions)) for stored in oldest_first(connection))
    with path.open("w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(rows) + "\n]\n")


def write_parquet(connection: Connection, path: Path) -> None:
    """Write a row for each metric of each result, in order; a result without metrics (a failed one) has one row.

    The columns are those of the JSON, with ``metric``, ``metric_value``, ``metric_low`` and ``metric_high``;
    ``parameters`` and ``errata`` are JSON text.
    """
    import pyarrow.parquet

    versions, results = suite_versions(connection), oldest_first(connection)
    schema = parquet_schema()
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(results), BATCH):
            rows = [row for stored in results[start : start + BATCH] for row in as_rows(as_object(stored, versions))]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))


def oldest_first(connection: Connection) -> list[StoredResult]:
    """Return all results."""
    return list(stored_results(connection, select(results_table.c.id)))[::-1]


def suite_versions(connection: Connection) -> dict[int, str]:
    """Return the version of the suite of each run."""
    return {row.id: row.suite_version for row in connection.execute(select(runs_table))}


def as_object(stored: StoredResult, versions: dict[int, str]) -> dict[str, Any]:
    """Return a result as plain values, all that it was measured with among them."""
    result, on = stored.result, stored.result.cell.condition
    return {
        "result": stored.id,
        "created_at": stored.created_at,
        "protocol": stored.protocol,
        "protocol_digest": on.protocol,
        "task": str(on.task),
        **plugin("dataset", on.dataset),
        "split": on.split,
        "manifest": on.manifest,
        "samples": on.samples,
        "limit": on.limit,
        **plugin("codec", on.codec),
        "codec_build": on.codec.build,
        "variant": on.variant,
        "parameters": on.parameters,
        "parameter": on.parameter,
        "setting": str(on.value),
        "setting_number": None if isinstance(on.value, str) else float(on.value),
        "axis": on.axis,
        "order": on.order,
        "geometry": None if on.geometry is None else str(on.geometry),
        **plugin("model", result.cell.model),
        **plugin("mitigation", result.cell.mitigation),
        "environment": stored.environment,
        "device": result.tuning.device,
        "run": stored.run,
        "suite_version": versions[stored.run],
        "status": result.status,
        "reason": result.reason,
        "conformant": result.conformant,
        "withdrawn": bool(stored.errata),
        "errata": [{"author": each.author, "reason": each.reason, "at": each.created_at} for each in stored.errata],
        "outcomes": result.outcomes,
        "frames": result.frames,
        "metrics": {each.name: {"value": each.value, "low": each.low, "high": each.high} for each in result.measures},
    }


def plugin(kind: str, ref: PluginRef) -> dict[str, str]:
    """Return a plugin's name, version and digest."""
    return {kind: ref.name, f"{kind}_version": ref.version, f"{kind}_digest": ref.digest}


def as_rows(described: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an object of the JSON as rows of the Parquet file."""
    metrics = described.pop("metrics")
    errata = [{**each, "at": each["at"].isoformat()} for each in described.pop("errata")]
    shared = {
        **described,
        "parameters": canonical_json(described["parameters"]),
        "errata": canonical_json(errata),
    }
    measured = [
        {"metric": name, **{f"metric_{field}": value for field, value in found.items()}}
        for name, found in metrics.items()
    ]
    return [{**shared, **each} for each in measured or [{"metric": None}]]


def parquet_schema() -> pa.Schema:
    """Return the columns of the Parquet file with their types."""
    import pyarrow as pa

    types = {"int64": pa.int64(), "bool": pa.bool_(), "double": pa.float64(), "time": pa.timestamp("us", tz="UTC")}
    return pa.schema([(name, types[NOT_TEXT[name]] if name in NOT_TEXT else pa.string()) for name in COLUMNS])
