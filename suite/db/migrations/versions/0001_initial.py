"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEYS = {
    "protocol": ("id", "digest"),
    "environment": ("id", "digest"),
    "plugin": ("id", "kind, name, version, digest"),
    "condition": ("id", "digest"),
    "run": ("id",),
    "result": ("id",),
    "metric": ("result_id, name",),
    "erratum": ("id",),
}
"""The tables in the order they are made, each with what names a row."""


def upgrade() -> None:
    make_names()
    make_condition()
    make_result()
    make_notes()
    for table, keys in KEYS.items():
        make_append_only(table, keys)


def make_names() -> None:
    op.create_table(
        "protocol",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("first_seen", sa.DateTime, nullable=False),
    )
    op.create_table(
        "environment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("first_seen", sa.DateTime, nullable=False),
    )
    op.create_table(
        "plugin",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("card", sa.Text),
        sa.UniqueConstraint("kind", "name", "version", "digest"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("suite_version", sa.Text, nullable=False),
    )


def make_condition() -> None:
    op.create_table(
        "condition",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("protocol_id", sa.Integer, sa.ForeignKey("protocol.id"), nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("dataset_id", sa.Integer, sa.ForeignKey("plugin.id"), nullable=False),
        sa.Column("split", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("samples", sa.Integer, nullable=False),
        sa.Column("limit", sa.Integer),
        sa.Column("codec_id", sa.Integer, sa.ForeignKey("plugin.id"), nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("parameter", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("order", sa.Text, nullable=False),
        sa.Column("geometry_id", sa.Integer, sa.ForeignKey("plugin.id")),
        sa.Column("spec", sa.Text, nullable=False),
    )
    op.create_index("condition_by_protocol", "condition", ["protocol_id", "task"])


def make_result() -> None:
    op.create_table(
        "result",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cell", sa.Text, nullable=False),
        sa.Column("condition_id", sa.Integer, sa.ForeignKey("condition.id"), nullable=False),
        sa.Column("model_id", sa.Integer, sa.ForeignKey("plugin.id"), nullable=False),
        sa.Column("mitigation_id", sa.Integer, sa.ForeignKey("plugin.id"), nullable=False),
        sa.Column("environment_id", sa.Integer, sa.ForeignKey("environment.id"), nullable=False),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("conformant", sa.Boolean, nullable=False),
        sa.Column("tuning", sa.Text, nullable=False),
        sa.Column("outcomes", sa.Text, nullable=False),
        sa.Column("frames", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.CheckConstraint("status IN ('ok', 'failed')", name="result_status"),
    )
    op.create_index("result_by_environment", "result", ["environment_id", "cell"])
    op.create_index("result_by_cell", "result", ["condition_id", "model_id", "mitigation_id", "environment_id"])
    op.create_index("result_by_run", "result", ["run_id", "status"])


def make_notes() -> None:
    op.create_table(
        "metric",
        sa.Column("result_id", sa.Integer, sa.ForeignKey("result.id"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erratum",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("result_id", sa.Integer, sa.ForeignKey("result.id"), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_index("erratum_by_result", "erratum", ["result_id"])


def make_append_only(table: str, keys: tuple[str, ...]) -> None:
    refusal = f"SELECT RAISE(ABORT, '{table} is append-only: record a new result, or an erratum');"
    for change in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} BEGIN {refusal} END")
    # INSERT OR REPLACE deletes the old row without firing a DELETE trigger.
    known = " OR ".join(f"({key}) = ({new_values(key)})" for key in keys)
    same = f"SELECT 1 FROM {table} WHERE {known}"  # noqa: S608 - constants
    op.execute(
        f"CREATE TRIGGER {table}_refuses_replace BEFORE INSERT ON {table} WHEN EXISTS ({same}) BEGIN {refusal} END"
    )


def new_values(key: str) -> str:
    return ", ".join(f"NEW.{column}" for column in key.split(", "))
