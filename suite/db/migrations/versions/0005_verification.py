"""Whose predictions were made again, by whom, and how many came out otherwise."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    make_verification()
    make_append_only()


def make_verification() -> None:
    op.create_table(
        "verification",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("plugin_id", sa.Integer, sa.ForeignKey("plugin.id"), nullable=False),
        sa.Column("protocol_id", sa.Integer, sa.ForeignKey("protocol.id"), nullable=False),
        sa.Column("environment_id", sa.Integer, sa.ForeignKey("environment.id"), nullable=False),
        sa.Column("predictions_sha256", sa.Text, nullable=False),
        sa.Column("limit", sa.Integer),
        sa.Column("date", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("isolation", sa.Text, nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("compared", sa.Integer, nullable=False),
        sa.Column("differing", sa.Integer, nullable=False),
        sa.Column("tolerance", sa.Float, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_index("verification_by_protocol", "verification", ["protocol_id"])


def make_append_only() -> None:
    refusal = "SELECT RAISE(ABORT, 'verification is append-only: verify again');"
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER verification_refuses_{change.lower()} BEFORE {change} ON verification BEGIN {refusal} END"
        )
    # INSERT OR REPLACE deletes the old row without firing a DELETE trigger.
    same = "SELECT 1 FROM verification WHERE id = NEW.id"
    op.execute(
        "CREATE TRIGGER verification_refuses_replace BEFORE INSERT ON verification "
        f"WHEN EXISTS ({same}) BEGIN {refusal} END"
    )
