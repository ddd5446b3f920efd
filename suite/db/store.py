"""The only writer: one transaction a result, with every row that it points at. Nothing is ever changed."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import msgspec
from sqlalchemy import Connection, Engine, Row, Table, insert, select

from suite import __version__
from suite.api import Card
from suite.db import entries, schema
from suite.db import outcomes as outcome_files
from suite.db.contents import Contents
from suite.db.engine import reading, writing
from suite.db.merge import Tally, merge
from suite.db.records import Throughput
from suite.db.verifications import OWN
from suite.errors import StorageError, UsageError
from suite.published import PublishedNumber
from suite.spec import Condition, Environment, Measure, PluginRef, ProtocolSpec, Result, to_json
from suite.verification import Verification, faults_of

if TYPE_CHECKING:
    import pyarrow as pa

NO_CARDS: Mapping[PluginRef, Card] = MappingProxyType({})


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Store:
    """Records results in the database that ``engine`` has open for writing at ``path``.

    Every method raises a StorageError where it cannot write; then nothing of that call is in the database.
    """

    def __init__(self, engine: Engine, path: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.engine = engine
        self.outcomes = outcome_files.outcomes_directory(path.resolve())
        self.clock = clock

    def begin_run(self, command: Sequence[str]) -> int:
        """Record that a run starts, with the command that repeats it, and return its number."""
        values = {"started_at": self.clock(), "command": json.dumps(list(command)), "suite_version": __version__}
        with writing(self.engine) as connection:
            return add(connection, schema.run, values)

    def record_protocol(self, spec: ProtocolSpec) -> str:
        """Record a protocol unless it is known, and return its digest."""
        values = {"name": spec.name, "version": spec.version, "spec": to_json(spec)}
        return self._record_digest(schema.protocol, spec.digest, values)

    def record_environment(self, environment: Environment) -> str:
        """Record an environment unless it is known, and return its digest."""
        values = {"identity": to_json(environment.identity), "details": to_json(environment.details)}
        return self._record_digest(schema.environment, environment.digest, values)

    def record(
        self,
        result: Result,
        *,
        run: int,
        environment: str,
        cards: Mapping[PluginRef, Card] = NO_CARDS,
        outcomes: pa.Table | None = None,
        frames: pa.Table | None = None,
    ) -> int:
        """Record a result with its per-sample tables and return its number; the tables go first.

        ``environment`` is the digest from `record_environment`, ``cards`` the facts about plugins not seen before.
        The digests of ``outcomes`` and ``frames`` go into the result; where a table is None, the result's own stays.
        """
        check_measures(str(result.cell), result.measures)
        kept = msgspec.structs.replace(
            result,
            outcomes=result.outcomes if outcomes is None else outcome_files.write(self.outcomes, outcomes),
            frames=result.frames if frames is None else outcome_files.write(self.outcomes, frames),
        )
        with writing(self.engine) as connection:
            values = result_values(kept) | {
                **parent_ids(connection, kept, environment=environment, run=run, cards=cards),
                "created_at": self.clock(),
            }
            number = add(connection, schema.result, values)
            for measure in kept.measures:
                connection.execute(insert(schema.metric).values(result_id=number, **measure_values(measure)))
            return number

    def record_throughput(
        self, timed: Throughput, *, run: int, environment: str, cards: Mapping[PluginRef, Card] = NO_CARDS
    ) -> int:
        """Record a timing and return its number; ``environment`` and ``cards`` are as for `record`."""
        check_measures(str(timed), timed.measures)
        with writing(self.engine) as connection:
            values = throughput_values(timed) | {
                **throughput_parents(connection, timed, cards),
                "environment_id": required(connection, schema.environment, digest=environment),
                "run_id": required(connection, schema.run, id=run),
                "created_at": self.clock(),
            }
            number = add(connection, schema.throughput, values)
            for measure in timed.measures:
                row = {"throughput_id": number, **measure_values(measure)}
                connection.execute(insert(schema.throughput_metric).values(row))
            return number

    def record_verification(self, said: Verification) -> int:
        """Record a verification and return its number. Plugin, protocol and environment have to be known.

        Raises StorageError for one that is not, and for what a verification cannot say.
        """
        for fault in faults_of(said):
            raise StorageError(f"The verification of {said.name} {said.version} cannot be recorded: {fault}.")
        with writing(self.engine) as connection:
            values = {name: getattr(said, name) for name in OWN} | {
                "plugin_id": required(connection, schema.plugin, **key_of(said.plugin)),
                "protocol_id": required(connection, schema.protocol, digest=said.protocol_digest),
                "environment_id": required(connection, schema.environment, digest=said.environment),
                "created_at": self.clock(),
            }
            return add(connection, schema.verification, values)

    def add_erratum(self, result_id: int, *, author: str, reason: str) -> int:
        """Withdraw a result and return the erratum's number; otherwise as `add_errata`."""
        return self.add_errata([result_id], author=author, reason=reason)[0]

    def add_errata(self, result_ids: Iterable[int], *, author: str, reason: str) -> tuple[int, ...]:
        """Withdraw results, all or none, and return the errata's numbers.

        They stay, unranked, with who says so and why. Raises UsageError for a text that says nothing, a result that
        is not there, and one of which this author has said the same.
        """
        check_erratum(author, reason)
        said = {"author": as_text(author.strip()), "reason": as_text(reason.strip())}
        with writing(self.engine) as connection:
            numbers = tuple(add_erratum(connection, each, said, self.clock()) for each in dict.fromkeys(result_ids))
        self.summarise()
        return numbers

    def summarise(self) -> None:
        """Bring the entries of every protocol up to date with its results; readers are right without, and slower."""
        with reading(self.engine) as connection:
            newest = entries.last(connection)
            stored = connection.execute(select(schema.protocol.c.id, schema.protocol.c.spec)).all()
        for protocol_id, spec in stored:
            self._summarise(protocol_id, msgspec.json.decode(spec, type=ProtocolSpec), newest)

    def _summarise(self, protocol_id: int, spec: ProtocolSpec, newest: entries.Mark) -> None:
        with reading(self.engine) as connection:
            late = entries.groups_since(connection, protocol_id, entries.mark_of(connection, protocol_id))
        for start in range(0, len(late), entries.GROUPS_AT_ONCE):
            with writing(self.engine) as connection:
                some = late[start : start + entries.GROUPS_AT_ONCE]
                entries.refresh(connection, protocol_id, spec, some)
        with writing(self.engine) as connection:
            entries.set_mark(connection, protocol_id, newest)

    def import_published(self, numbers: Iterable[PublishedNumber]) -> int:
        """Record the numbers of papers that are not known yet, all or none, and return how many those are."""
        rows = {number.digest: published_values(number) for number in numbers}
        with writing(self.engine) as connection:
            known = set(connection.scalars(select(schema.published.c.digest)))
            new = [{"digest": digest, **values} for digest, values in rows.items() if digest not in known]
            for values in new:
                connection.execute(insert(schema.published).values(imported_at=self.clock(), **values))
        return len(new)

    def import_rows(self, theirs: Contents) -> dict[str, Tally]:
        """Record what another database holds and this one does not, all or none, and return each table's tally.

        The rows are taken as they are: `suite.db.snapshot` says which may be.
        """
        with writing(self.engine) as connection:
            tallies = merge(connection, theirs)
        self.summarise()
        return tallies

    def _record_digest(self, table: Table, digest: str, values: Mapping[str, Any]) -> str:
        with writing(self.engine) as connection:
            if find(connection, table, digest=digest) is None:
                add(connection, table, {"digest": digest, "first_seen": self.clock(), **values})
        return digest


def check_measures(of: str, measures: Sequence[Measure]) -> None:
    """Raise StorageError for a measure that is not a number, or that comes twice."""
    names = [measure.name for measure in measures]
    for measure in measures:
        if names.count(measure.name) > 1:
            raise StorageError(f"{of}: the metric '{measure.name}' comes twice.")
        for field in ("value", "low", "high"):
            number = getattr(measure, field)
            if not (number is None and field != "value") and not math.isfinite(number):
                raise StorageError(
                    f"{of}: Expected the {field} of the metric '{measure.name}' to be finite, but got "
                    f"{number}. Leave out a metric that has no value."
                )


def measure_values(measure: Measure) -> dict[str, Any]:
    """Return a metric's columns, as plain floats whatever the metric's arithmetic gave."""
    bounds = {"low": measure.low, "high": measure.high}
    plain = {name: None if bound is None else float(bound) for name, bound in bounds.items()}
    return {"name": measure.name, "value": float(measure.value), **plain}


def published_values(number: PublishedNumber) -> dict[str, Any]:
    """Return the columns of a paper's number."""
    values: dict[str, Any] = msgspec.to_builtins(number)
    return values | (values.pop("distortion") or {})


def result_values(result: Result) -> dict[str, Any]:
    """Return a result's own columns."""
    return {
        "cell": result.cell.digest,
        "status": result.status,
        "reason": as_text(result.reason),
        "conformant": result.conformant,
        "tuning": to_json(result.tuning),
        "outcomes": result.outcomes,
        "frames": result.frames,
    }


def as_text(reason: str) -> str:
    """Return a reason as valid text: a failure may quote a file name that is none."""
    return reason.encode("utf-8", "backslashreplace").decode()


def parent_ids(
    connection: Connection, result: Result, *, environment: str, run: int, cards: Mapping[PluginRef, Card]
) -> dict[str, int]:
    """Return the numbers of the rows that a result points at; plugins and conditions are added where missing."""
    return {
        "environment_id": required(connection, schema.environment, digest=environment),
        "run_id": required(connection, schema.run, id=run),
        "condition_id": condition_id(connection, result.cell.condition, cards),
        "model_id": plugin_id(connection, result.cell.model, cards),
        "mitigation_id": plugin_id(connection, result.cell.mitigation, cards),
    }


def throughput_values(timed: Throughput) -> dict[str, Any]:
    """Return a timing's own columns."""
    return {
        "work": timed.work,
        "status": timed.status,
        "reason": as_text(timed.reason),
        "steady": timed.steady,
        "settings": to_json(timed.settings),
    }


def throughput_parents(
    connection: Connection, timed: Throughput, cards: Mapping[PluginRef, Card]
) -> dict[str, int | None]:
    """Return the numbers of the condition and the plugins of a timing; they are added where missing."""
    plugins = {"model_id": timed.model, "mitigation_id": timed.mitigation, "reference_id": timed.reference}
    found = {name: plugin_id(connection, ref, cards) if ref else None for name, ref in plugins.items()}
    return {"condition_id": condition_id(connection, timed.condition, cards), **found}


def condition_id(connection: Connection, condition: Condition, cards: Mapping[PluginRef, Card]) -> int:
    """Return a condition's number, new or known."""
    known = find(connection, schema.condition, digest=condition.digest)
    if known is not None:
        return known
    geometry = condition.geometry
    values = condition_values(condition) | {
        "protocol_id": required(connection, schema.protocol, digest=condition.protocol),
        "dataset_id": plugin_id(connection, condition.dataset, cards),
        "codec_id": plugin_id(connection, condition.codec, cards),
        "geometry_id": None if geometry is None else plugin_id(connection, geometry, cards),
        "spec": to_json(condition),
    }
    return add(connection, schema.condition, values)


def condition_values(condition: Condition) -> dict[str, Any]:
    """Return a condition's own columns, which its ``spec`` says too."""
    return {
        "digest": condition.digest,
        "task": str(condition.task),
        "split": condition.split,
        "manifest": condition.manifest,
        "samples": condition.samples,
        "limit": condition.limit,
        "parameters": to_json(condition.parameters),
        "parameter": condition.parameter,
        "value": to_json(condition.value),
        "order": condition.order,
    }


def plugin_id(connection: Connection, plugin: PluginRef, cards: Mapping[PluginRef, Card]) -> int:
    """Return a plugin's number, new or known; its build stands in the condition, and its digest covers it."""
    key = key_of(plugin)
    known = find(connection, schema.plugin, **key)
    if known is not None:
        return known
    card = cards.get(plugin)
    return add(connection, schema.plugin, {**key, "card": None if card is None else to_json(dataclasses.asdict(card))})


def key_of(plugin: PluginRef) -> dict[str, str]:
    """Return the columns that tell a plugin from every other one."""
    return {name: getattr(plugin, name) for name in ("digest", "kind", "name", "version")}


def check_erratum(author: str, reason: str) -> None:
    """Raise UsageError unless an erratum says something."""
    if not author.strip() or not reason.strip():
        raise UsageError("An erratum needs an author and a reason.")


def add_erratum(connection: Connection, result_id: int, said: Mapping[str, str], now: datetime) -> int:
    """Add an erratum to a result and return its number. Raises UsageError."""
    if find(connection, schema.result, id=result_id) is None:
        raise UsageError(f"There is no result {result_id}. Run 'suite show' for the list.")
    if find(connection, schema.erratum, result_id=result_id, **said) is not None:
        raise known_erratum(result_id)
    return add(connection, schema.erratum, {"result_id": result_id, **said, "created_at": now})


def known_erratum(result_id: int) -> UsageError:
    """Return the error for an erratum that says what another one says of the same result."""
    return UsageError(
        f"Result {result_id} has this erratum already, by the same author. Run 'suite erratum list' for all of them."
    )


def find(connection: Connection, table: Table, **key: Any) -> int | None:
    """Return the number of the row with that key, None where there is none."""
    return connection.scalar(select(table.c.id).where(*(table.c[name] == value for name, value in key.items())))


def required(connection: Connection, table: Table, **key: Any) -> int:
    """Return the number of the row with that key. Raises StorageError where it was not recorded first."""
    found = find(connection, table, **key)
    if found is None:
        raise StorageError(
            f"The {table.name} {next(iter(key.values()))} is not recorded; record it before its results."
        )
    return found


def add(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Add a row and return its number."""
    key = cast("Row[Any]", connection.execute(insert(table).values(values)).inserted_primary_key)
    return int(key[0])
