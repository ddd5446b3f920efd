"""How fast entries and codecs are, beside the results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEYS = {"throughput": "id", "throughput_metric": "throughput_id, name"}
"""The new tables, each with what names a row."""


def upgrade() -> None:
    make_throughput()
    make_throughput_metric()
    for table, key in KEYS.items():
        make_append_only(table, key)


def make_throughput() -> None:
    op.create_table(
        "throughput",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("work", sa.Text, nullable=False),
        sa.Column("condition_id", sa.Integer, sa.ForeignKey("condition.id"), nullable=False),
        sa.Column("model_id", sa.Integer, sa.ForeignKey("plugin.id")),
        sa.Column("mitigation_id", sa.Integer, sa.ForeignKey("plugin.id")),
        sa.Column("reference_id", sa.Integer, sa.ForeignKey("plugin.id")),
        sa.Column("environment_id", sa.Integer, sa.ForeignKey("environment.id"), nullable=False),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("steady", sa.Boolean),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.CheckConstraint("status IN ('valid', 'unverified', 'invalid', 'failed')", name="throughput_status"),
    )
    op.create_index("throughput_by_condition", "throughput", ["condition_id"])


def make_throughput_metric() -> None:
    op.create_table(
        "throughput_metric",
        sa.Column("throughput_id", sa.Integer, sa.ForeignKey("throughput.id"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
        sqlite_with_rowid=False,
    )


def make_append_only(table: str, key: str) -> None:
    refusal = f"SELECT RAISE(ABORT, '{table} is append-only: record a new one');"
    for change in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} BEGIN {refusal} END")
    # INSERT OR REPLACE deletes the old row without firing a DELETE trigger.
    new = ", ".join(f"NEW.{column}" for column in key.split(", "))
    same = f"SELECT 1 FROM {table} WHERE ({key}) = ({new})"  # noqa: S608 - constants
    op.execute(
        f"CREATE TRIGGER {table}_refuses_replace BEFORE INSERT ON {table} WHEN EXISTS ({same}) BEGIN {refusal} END"
    )
