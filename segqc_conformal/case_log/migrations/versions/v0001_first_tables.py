"""Cases, verdicts, features, audits by structure, monitor states and events."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Integer, Text, text

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables as they first were."""
    _cases()
    _judged()
    _audited()
    op.create_table(
        "monitor_state",
        Column("name", Text, primary_key=True),
        Column("calibration", Text, primary_key=True),
        Column("cursor", Integer, nullable=False),
        Column("state", Text, nullable=False),
    )
    op.create_table(
        "events",
        Column("number", Integer, primary_key=True),
        Column("time", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("detail", JSON, nullable=False),
    )


def _cases() -> None:
    op.create_table(
        "cases",
        Column("sequence", Integer, primary_key=True, autoincrement=False),
        Column("case_id", Text, nullable=False, unique=True),
        Column("patient_id", Text, nullable=False),
        Column("site", Text, nullable=False),
        Column("time", Text),
        Column("model_id", Text, nullable=False),
        Column("calibration", Text, nullable=False),
        Column("repeat", Boolean, nullable=False),
    )
    op.create_index("ix_cases_patient_id", "cases", ["patient_id"])
    op.create_index("ix_cases_calibration", "cases", ["calibration"])
    op.create_index(
        "one_bet_per_patient",
        "cases",
        ["patient_id"],
        unique=True,
        sqlite_where=text("repeat IS 0"),
        postgresql_where=text("repeat IS false"),
    )


def _judged() -> None:
    op.create_table(
        "verdicts",
        Column("sequence", Integer, ForeignKey("cases.sequence"), primary_key=True),
        Column("structure", Text, primary_key=True),
        Column("predicted_dice", Float),
        Column("dice_low", Float),
        Column("dice_high", Float),
        Column("accept", Boolean, nullable=False),
        Column("accept_score", Float),
        Column("reason", Text, nullable=False),
        Column("message", Text),
    )
    op.create_table(
        "features",
        Column("sequence", Integer, ForeignKey("cases.sequence"), primary_key=True),
        Column("structure", Text, primary_key=True),
        Column("sampler_id", Text),
        Column("schema_version", Text),
        Column("judged", Text),
        Column("failed", Text),
        Column("features", JSON, nullable=False),
    )


def _audited() -> None:
    op.create_table(
        "audit_draws",
        Column("first_sequence", Integer, primary_key=True, autoincrement=False),
        Column("last_sequence", Integer, nullable=False),
        Column("probability", Float, nullable=False),
        Column("drawn_at", Text, nullable=False),
    )
    op.create_table(
        "audits",
        Column("sequence", Integer, ForeignKey("cases.sequence"), primary_key=True),
        Column("structure", Text, primary_key=True),
        Column("dice", Float),
        Column("probability", Float),
        Column("drawn_at", Text),
        Column("answered_at", Text),
        Column("reference_kind", Text),
    )
