"""What a webhook is to be told."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, Column, ForeignKey, Integer, Text

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "outbox",
        Column("number", Integer, ForeignKey("events.number"), primary_key=True),
        Column("key", Text, nullable=False),
        Column("data", JSON, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("next_attempt_at", Text),
        Column("delivered_at", Text),
    )
