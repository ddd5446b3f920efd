"""One row an entry beside the results that it sums up, so that a board of a million results opens at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ARRAYS = ("results", "value", "low", "high", "bits_per_pixel", "psnr_db", "ssim")


def upgrade() -> None:
    op.create_table(
        "entry",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("protocol_id", sa.Integer, sa.ForeignKey("protocol.id"), nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("dataset_id", sa.Integer, sa.ForeignKey("plugin.id"), nullable=False),
        sa.Column("split", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("samples", sa.Integer, nullable=False),
        sa.Column("limit", sa.Integer),
        sa.Column("model_id", sa.Integer, sa.ForeignKey("plugin.id"), nullable=False),
        sa.Column("mitigation_id", sa.Integer, sa.ForeignKey("plugin.id"), nullable=False),
        sa.Column("environment_id", sa.Integer, sa.ForeignKey("environment.id"), nullable=False),
        sa.Column("newest_id", sa.Integer, sa.ForeignKey("result.id"), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("against", sa.Text, nullable=False),
        sa.Column("reference_id", sa.Integer, sa.ForeignKey("result.id")),
        *(sa.Column(name, sa.Float) for name in ("reference", "reference_low", "reference_high", "mean_drop")),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ARRAYS),
    )
    op.create_index("entry_by_group", "entry", ["protocol_id", "model_id", "environment_id"])
    op.create_table(
        "summarised",
        sa.Column("protocol_id", sa.Integer, sa.ForeignKey("protocol.id"), primary_key=True),
        sa.Column("result_id", sa.Integer, nullable=False),
        sa.Column("erratum_id", sa.Integer, nullable=False),
    )
