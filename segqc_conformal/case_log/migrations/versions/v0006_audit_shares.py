"""The number by which the secret seed decided on each drawn audit."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Float

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; of earlier draws the number is not known."""
    op.add_column("audits", Column("share", Float))
