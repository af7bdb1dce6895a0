"""Whether ids are stored hashed, and under which secret."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table; ids that are there were stored as given."""
    op.create_table("id_hashing", Column("fingerprint", Text, primary_key=True))
