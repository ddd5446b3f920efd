"""Verifications as `queries` reads them: rows to `suite.verification.Verification`, by protocol and by plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, or_, select

from suite.db.engine import reading
from suite.db.records import StoredVerification
from suite.db.rows import taking_part
from suite.db.schema import condition, environment, plugin, protocol, result, verification
from suite.spec import Cell, PluginRef
from suite.verification import Verification

OWN = ("predictions_sha256", "limit", "date", "author", "isolation", "share", "compared", "differing", "tolerance")
"""The columns that are a record's own; the others point at plugin, protocol and environment."""


def verifications(engine: Engine, protocol_digest: str) -> tuple[StoredVerification, ...]:
    """Return what was verified under one protocol, the newest first."""
    with reading(engine) as connection:
        return tuple(verifications_under(connection, protocol_digest))


def is_measured(engine: Engine, protocol_digest: str, ref: PluginRef) -> bool:
    """Whether there are results of a codec, a model or a mitigation under one protocol."""
    of = plugin.c
    named = (of.kind == ref.kind, of.name == ref.name, of.version == ref.version, of.digest == ref.digest)
    number = select(of.id).where(*named).scalar_subquery()
    parts = (result.c.model_id, result.c.mitigation_id, condition.c.codec_id)
    tables = result.join(condition).join(protocol, condition.c.protocol_id == protocol.c.id)
    query = select(result.c.id).select_from(tables).where(protocol.c.digest == protocol_digest)
    with reading(engine) as connection:
        return connection.scalar(query.where(or_(*(part == number for part in parts))).limit(1)) is not None


def verifications_of(connection: Connection, cell: Cell) -> tuple[StoredVerification, ...]:
    """Return the verifications of the plugins of a cell under its protocol, the newest first."""
    names = {plain(ref) for ref in taking_part(cell)}
    found = verifications_under(connection, cell.condition.protocol)
    return tuple(each for each in found if each.verification.plugin in names)


def plain(ref: PluginRef) -> PluginRef:
    """Return a plugin without its library build, which the digest covers."""
    return msgspec.structs.replace(ref, build="")


def verifications_under(connection: Connection, protocol_digest: str) -> Iterator[StoredVerification]:
    """Yield what was verified under one protocol, the newest first."""
    of = verification.c
    query = (
        select(
            *(verification, plugin.c.kind, plugin.c.name, plugin.c.version, plugin.c.digest),
            *(protocol.c.name.label("protocol_name"), protocol.c.version.label("protocol_version")),
            environment.c.digest.label("environment"),
        )
        .join(plugin, of.plugin_id == plugin.c.id)
        .join(protocol, of.protocol_id == protocol.c.id)
        .join(environment, of.environment_id == environment.c.id)
        .where(protocol.c.digest == protocol_digest)
        .order_by(of.created_at.desc(), of.id.desc())
    )
    for row in connection.execute(query):
        ref = PluginRef(kind=row.kind, name=row.name, version=row.version, digest=row.digest)
        under = {"protocol": f"{row.protocol_name}@{row.protocol_version}", "protocol_digest": protocol_digest}
        said = verification_of(dict(row._mapping), ref, **under, environment=row.environment)
        yield StoredVerification(id=row.id, created_at=row.created_at, verification=said)


def verification_of(row: Mapping[str, Any], ref: PluginRef, **names: str) -> Verification:
    """Return the verification in a row; ``names`` are its protocol, its protocol_digest and its environment.

    Raises msgspec's ValidationError for what no column should hold.
    """
    of_plugin = {"kind": ref.kind, "name": ref.name, "version": ref.version, "plugin_digest": ref.digest}
    return msgspec.convert({**of_plugin, **names, **{name: row[name] for name in OWN}}, Verification)
