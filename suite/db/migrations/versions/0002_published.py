"""The numbers that papers print, in a table of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    make_published()
    make_append_only()


def make_published() -> None:
    op.create_table(
        "published",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("table", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("reference", sa.Float, nullable=False),
        sa.Column("codec", sa.Text, nullable=False),
        sa.Column("parameter", sa.Text, nullable=False),
        sa.Column("setting", sa.Text, nullable=False),
        sa.Column("mitigation", sa.Text, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("psnr_db", sa.Float),
        sa.Column("ssim", sa.Float),
        sa.Column("bits_per_pixel", sa.Float),
        sa.Column("imported_at", sa.DateTime, nullable=False),
    )
    op.create_index("published_by_source", "published", ["source", "task"])


def make_append_only() -> None:
    refusal = "SELECT RAISE(ABORT, 'published is append-only: import the corrected number beside it');"
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER published_refuses_{change.lower()} BEFORE {change} ON published BEGIN {refusal} END"
        )
    # INSERT OR REPLACE deletes the old row without firing a DELETE trigger.
    same = "SELECT 1 FROM published WHERE id = NEW.id OR digest = NEW.digest"
    op.execute(
        f"CREATE TRIGGER published_refuses_replace BEFORE INSERT ON published WHEN EXISTS ({same}) BEGIN {refusal} END"
    )
