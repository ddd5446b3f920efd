"""The tables, as the newest migration leaves them. What was measured only ever grows: triggers refuse anything else.

`entry` and `summarised` alone are derived: `entries` makes them again from the results.
Rows point at each other by integers; the digests that name things outside the database are looked up once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every revision that this suite knows, oldest first; the last is the one it works with."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, with its time zone on the Python side."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Store UTC. Raises ValueError for a moment without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use datetime.now(UTC).")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()

protocol = Table(
    "protocol",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
)

environment = Table(
    "environment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("identity", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
)

plugin = Table(
    "plugin",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("card", Text),
    UniqueConstraint("kind", "name", "version", "digest"),
)

condition = Table(
    "condition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("protocol_id", ForeignKey("protocol.id"), nullable=False),
    Column("task", Text, nullable=False),
    Column("dataset_id", ForeignKey("plugin.id"), nullable=False),
    Column("split", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("limit", Integer),
    Column("codec_id", ForeignKey("plugin.id"), nullable=False),
    Column("parameters", Text, nullable=False),
    Column("parameter", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("order", Text, nullable=False),
    Column("geometry_id", ForeignKey("plugin.id")),
    Column("spec", Text, nullable=False),
    Index("condition_by_protocol", "protocol_id", "task"),
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("command", Text, nullable=False),
    Column("suite_version", Text, nullable=False),
)

result = Table(
    "result",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cell", Text, nullable=False),
    Column("condition_id", ForeignKey("condition.id"), nullable=False),
    Column("model_id", ForeignKey("plugin.id"), nullable=False),
    Column("mitigation_id", ForeignKey("plugin.id"), nullable=False),
    Column("environment_id", ForeignKey("environment.id"), nullable=False),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("conformant", Boolean, nullable=False),
    Column("tuning", Text, nullable=False),
    Column("outcomes", Text, nullable=False),
    Column("frames", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("status IN ('ok', 'failed')", name="result_status"),
    # What is done on a machine; with the row id that every SQLite index ends in, the newest comes from the index alone.
    Index("result_by_environment", "environment_id", "cell"),
    # The newest result of each cell of a ranking.
    Index("result_by_cell", "condition_id", "model_id", "mitigation_id", "environment_id"),
    Index("result_by_run", "run_id", "status"),
)

metric = Table(
    "metric",
    metadata,
    Column("result_id", ForeignKey("result.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Float, nullable=False),
    Column("low", Float),
    Column("high", Float),
    sqlite_with_rowid=False,
)

erratum = Table(
    "erratum",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("result_id", ForeignKey("result.id"), nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("erratum_by_result", "result_id"),
)

# What papers print: no result stands behind it, and no row of another table points here.
published = Table(
    "published",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("table", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("reference", Float, nullable=False),
    Column("codec", Text, nullable=False),
    Column("parameter", Text, nullable=False),
    Column("setting", Text, nullable=False),
    Column("mitigation", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("note", Text, nullable=False),
    Column("psnr_db", Float),
    Column("ssim", Float),
    Column("bits_per_pixel", Float),
    Column("imported_at", UtcDateTime, nullable=False),
    Index("published_by_source", "source", "task"),
)

throughput = Table(
    "throughput",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("work", Text, nullable=False),
    Column("condition_id", ForeignKey("condition.id"), nullable=False),
    Column("model_id", ForeignKey("plugin.id")),
    Column("mitigation_id", ForeignKey("plugin.id")),
    Column("reference_id", ForeignKey("plugin.id")),
    Column("environment_id", ForeignKey("environment.id"), nullable=False),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("steady", Boolean),
    Column("settings", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("status IN ('valid', 'unverified', 'invalid', 'failed')", name="throughput_status"),
    Index("throughput_by_condition", "condition_id"),
)

throughput_metric = Table(
    "throughput_metric",
    metadata,
    Column("throughput_id", ForeignKey("throughput.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Float, nullable=False),
    Column("low", Float),
    Column("high", Float),
    sqlite_with_rowid=False,
)

# A submission's predictions that were made again: what `suite.verification` describes.
verification = Table(
    "verification",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plugin_id", ForeignKey("plugin.id"), nullable=False),
    Column("protocol_id", ForeignKey("protocol.id"), nullable=False),
    Column("environment_id", ForeignKey("environment.id"), nullable=False),
    Column("predictions_sha256", Text, nullable=False),
    Column("limit", Integer),
    Column("date", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("isolation", Text, nullable=False),
    Column("share", Float, nullable=False),
    Column("compared", Integer, nullable=False),
    Column("differing", Integer, nullable=False),
    Column("tolerance", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("verification_by_protocol", "protocol_id"),
)

# One row an entry: what a ranking says of it. The arrays have one number a compressed condition of the protocol, in its
# order: little-endian float64 (NaN: none), and int64 for the results (0: none).
entry = Table(
    "entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("protocol_id", ForeignKey("protocol.id"), nullable=False),
    Column("task", Text, nullable=False),
    Column("dataset_id", ForeignKey("plugin.id"), nullable=False),
    Column("split", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("limit", Integer),
    Column("model_id", ForeignKey("plugin.id"), nullable=False),
    Column("mitigation_id", ForeignKey("plugin.id"), nullable=False),
    Column("environment_id", ForeignKey("environment.id"), nullable=False),
    Column("newest_id", ForeignKey("result.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("against", Text, nullable=False),
    Column("reference_id", ForeignKey("result.id")),
    Column("reference", Float),
    Column("reference_low", Float),
    Column("reference_high", Float),
    Column("mean_drop", Float),
    Column("results", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("low", LargeBinary, nullable=False),
    Column("high", LargeBinary, nullable=False),
    Column("bits_per_pixel", LargeBinary, nullable=False),
    Column("psnr_db", LargeBinary, nullable=False),
    Column("ssim", LargeBinary, nullable=False),
    Index("entry_by_group", "protocol_id", "model_id", "environment_id"),
)

# How far the entries of a protocol are up to date: the last result and the last erratum that they know.
summarised = Table(
    "summarised",
    metadata,
    Column("protocol_id", ForeignKey("protocol.id"), primary_key=True),
    Column("result_id", Integer, nullable=False),
    Column("erratum_id", Integer, nullable=False),
)

DERIVED = (entry, summarised)
"""What is made from the other tables: no part of what a database holds."""
