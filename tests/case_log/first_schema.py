"""The tables of the case log."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

__all__ = [
    "METADATA",
    "audit_draws",
    "audits",
    "cases",
    "events",
    "features",
    "monitor_state",
    "verdicts",
]

# Times are UTC text of fixed width, so that they sort and are the same in every database.
METADATA = MetaData()

cases = Table(
    "cases",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("case_id", Text, nullable=False, unique=True),
    Column("patient_id", Text, nullable=False, index=True),
    Column("site", Text, nullable=False),
    Column("time", Text),
    Column("model_id", Text, nullable=False),
    Column("calibration", Text, nullable=False, index=True),
    Column("repeat", Boolean, nullable=False),
)

# The database itself refuses a second bet of one patient, whoever writes.
Index(
    "one_bet_per_patient",
    cases.c.patient_id,
    unique=True,
    sqlite_where=cases.c.repeat.is_(False),
    postgresql_where=cases.c.repeat.is_(False),
)

verdicts = Table(
    "verdicts",
    METADATA,
    Column("sequence", ForeignKey("cases.sequence"), primary_key=True),
    Column("structure", Text, primary_key=True),
    Column("predicted_dice", Float),
    Column("dice_low", Float),
    Column("dice_high", Float),
    Column("accept", Boolean, nullable=False),
    Column("accept_score", Float),
    Column("reason", Text, nullable=False),
    Column("message", Text),
)

features = Table(
    "features",
    METADATA,
    Column("sequence", ForeignKey("cases.sequence"), primary_key=True),
    Column("structure", Text, primary_key=True),
    Column("sampler_id", Text),
    Column("schema_version", Text),
    Column("judged", Text),
    Column("failed", Text),
    Column("features", JSON, nullable=False),
)

# Each draw covers the cases of a range of sequence numbers with one constant probability.
audit_draws = Table(
    "audit_draws",
    METADATA,
    Column("first_sequence", Integer, primary_key=True, autoincrement=False),
    Column("last_sequence", Integer, nullable=False),
    Column("probability", Float, nullable=False),
    Column("drawn_at", Text, nullable=False),
)

audits = Table(
    "audits",
    METADATA,
    Column("sequence", ForeignKey("cases.sequence"), primary_key=True),
    Column("structure", Text, primary_key=True),
    Column("dice", Float),
    Column("probability", Float),
    Column("drawn_at", Text),
    Column("answered_at", Text),
    Column("reference_kind", Text),
)

monitor_state = Table(
    "monitor_state",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("calibration", Text, primary_key=True),
    Column("cursor", Integer, nullable=False),
    Column("state", Text, nullable=False),
)

events = Table(
    "events",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("time", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", JSON, nullable=False),
)
