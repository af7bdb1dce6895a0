"""The tables of the case log, as the newest file in `migrations/versions` leaves them."""

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
    "audit_dice",
    "audit_draws",
    "audits",
    "cases",
    "certificates",
    "events",
    "features",
    "id_hashing",
    "ledger",
    "monitor_state",
    "outbox",
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

# Each draw covers the cases of a range of sequence numbers; `rates` holds the rate of each stratum
# seen so far, the epoch of that rate, and the least rate at which this draw took its cases.
audit_draws = Table(
    "audit_draws",
    METADATA,
    Column("first_sequence", Integer, primary_key=True, autoincrement=False),
    Column("last_sequence", Integer, nullable=False),
    Column("drawn_at", Text, nullable=False),
    Column("rates", JSON, nullable=False),
)

# `answer_number` counts the cases that are drawn and answered, in the order in which they came to
# be both: monitors read on from there. `common`: drawn at the rate that all decisions share.
# `share`: uniform on [0, 1) over the secret seed; the case was drawn because it is below its rate.
audits = Table(
    "audits",
    METADATA,
    Column("sequence", ForeignKey("cases.sequence"), primary_key=True),
    Column("stratum", Text),
    Column("epoch", Integer),
    Column("probability", Float),
    Column("common", Boolean),
    Column("share", Float),
    Column("drawn_at", Text),
    Column("answered_at", Text, index=True),
    Column("reference_kind", Text),
    Column("answer_number", Integer, unique=True),
)

audit_dice = Table(
    "audit_dice",
    METADATA,
    Column("sequence", ForeignKey("audits.sequence"), primary_key=True),
    Column("structure", Text, primary_key=True),
    Column("dice", Float, nullable=False),
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

# What a webhook is to be told of an event. `key` is the same at every attempt, so that a receiver
# knows a second delivery; no `next_attempt_at`: at the next run.
outbox = Table(
    "outbox",
    METADATA,
    Column("number", ForeignKey("events.number"), primary_key=True),
    Column("key", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Text),
    Column("delivered_at", Text),
)

# What each version promised, for the day on which the calibration folder is gone.
certificates = Table(
    "certificates",
    METADATA,
    Column("calibration", Text, primary_key=True),
    Column("certificate", Text, nullable=False),
    Column("first_seen", Text, nullable=False),
)

# What certificates and monitors have spent of what may go wrong; `time`: of the last change.
ledger = Table(
    "ledger",
    METADATA,
    Column("calibration", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("spent", Float, nullable=False),
    Column("time", Text, nullable=False),
)

# No row: ids are stored as given. One row: hashed under a secret, which this tells from others.
id_hashing = Table(
    "id_hashing",
    METADATA,
    Column("fingerprint", Text, primary_key=True),
)
