"""Certificates of the versions that judged, and the ledger of what was spent."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Float, Text

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables; the next `segqc log add` or `segqc monitor run` fills them."""
    op.create_table(
        "certificates",
        Column("calibration", Text, primary_key=True),
        Column("certificate", Text, nullable=False),
        Column("first_seen", Text, nullable=False),
    )
    op.create_table(
        "ledger",
        Column("calibration", Text, primary_key=True),
        Column("segment", Text, primary_key=True),
        Column("what", Text, primary_key=True),
        Column("spent", Float, nullable=False),
        Column("time", Text, nullable=False),
    )
