"""One audit per case, with stratum, epoch and the order of answers; new monitors start.

What was recorded decides everything that is new here. Earlier draws had one rate for all cases,
so each is a random sample of all (`common`), and a stratum begins an epoch where that rate changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    Text,
    column,
    select,
    table,
)
from sqlalchemy.sql import TableClause

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"

# the tables as they are at this revision, whatever becomes of them later
CASES = table("cases", column("sequence"), column("site"), column("repeat", Boolean()))
VERDICTS = table("verdicts", column("sequence"), column("structure"), column("accept", Boolean()))
STATES = table("monitor_state", column("name"), column("calibration"), column("cursor"))
EVENTS = table("events", column("time"), column("kind"), column("detail", JSON()))


def upgrade() -> None:
    """Move draws, audits and answers into the new tables; drop states no monitor can go on from."""
    connection = op.get_bind()
    draws = _taken(
        connection, "audit_draws", "first_sequence, last_sequence, probability, drawn_at"
    )
    audits = _taken(
        connection,
        "audits",
        "sequence, structure, dice, probability, drawn_at, answered_at, reference_kind",
    )
    new_draws, new_audits, new_dice = _new_tables()
    epochs: dict[int, tuple[str, int]] = {}
    op.bulk_insert(new_draws, list(_draws_by_stratum(connection, draws, epochs)))
    op.bulk_insert(new_audits, _one_per_case(audits, epochs))
    answered = [
        {name: row[name] for name in ("sequence", "structure", "dice")}
        for row in audits
        if row["dice"] is not None
    ]
    op.bulk_insert(new_dice, answered)
    _drop_states(connection)


def _taken(connection: Connection, name: str, columns: str) -> list[dict[str, Any]]:
    """Read a table whole and drop it: audits are a trickle."""
    names = columns.split(", ")
    old = table(name, *(column(each) for each in names))
    found = connection.execute(select(old).order_by(old.c[names[0]], old.c[names[1]]))
    rows = [dict(row._mapping) for row in found]
    op.drop_table(name)
    return rows


def _new_tables() -> tuple[TableClause, TableClause, TableClause]:
    draws = op.create_table(
        "audit_draws",
        Column("first_sequence", Integer, primary_key=True, autoincrement=False),
        Column("last_sequence", Integer, nullable=False),
        Column("drawn_at", Text, nullable=False),
        Column("rates", JSON, nullable=False),
    )
    audits = op.create_table(
        "audits",
        Column("sequence", Integer, ForeignKey("cases.sequence"), primary_key=True),
        Column("stratum", Text),
        Column("epoch", Integer),
        Column("probability", Float),
        Column("common", Boolean),
        Column("drawn_at", Text),
        Column("answered_at", Text),
        Column("reference_kind", Text),
        Column("answer_number", Integer, unique=True),
    )
    op.create_index("ix_audits_answered_at", "audits", ["answered_at"])
    dice = op.create_table(
        "audit_dice",
        Column("sequence", Integer, ForeignKey("audits.sequence"), primary_key=True),
        Column("structure", Text, primary_key=True),
        Column("dice", Float, nullable=False),
    )
    return draws, audits, dice


def _draws_by_stratum(
    connection: Connection, draws: list[dict[str, Any]], epochs: dict[int, tuple[str, int]]
) -> Iterator[dict[str, Any]]:
    """Yield each draw with the rates of its strata; note stratum and epoch of every case."""
    rates: dict[str, dict[str, Any]] = {}
    for draw in draws:
        rate = draw.pop("probability")
        for sequence, stratum in _strata(connection, draw["first_sequence"], draw["last_sequence"]):
            known = rates.get(stratum)
            if known is None or known["rate"] != rate:
                rates[stratum] = {"rate": rate, "epoch": 0 if known is None else known["epoch"] + 1}
            epochs[sequence] = (stratum, rates[stratum]["epoch"])
        yield {**draw, "rates": {stratum: dict(each) for stratum, each in rates.items()}}


def _strata(connection: Connection, first: int, last: int) -> Iterator[tuple[int, str]]:
    """Yield decision and site of each case of a draw: accepted as a whole, or not."""
    verdicts = select(VERDICTS).where(VERDICTS.c.sequence.between(first, last))
    decisions: dict[int, dict[str, bool]] = {}
    for row in connection.execute(verdicts):
        decisions.setdefault(row.sequence, {})[row.structure] = row.accept
    cases = select(CASES).where(CASES.c.sequence.between(first, last), CASES.c.repeat.is_(False))
    for case in connection.execute(cases.order_by(CASES.c.sequence)):
        by = decisions.get(case.sequence, {})
        accepted = by.get("whole_case", len(by) == 1 and all(by.values()))
        yield case.sequence, f"{'accepted' if accepted else 'referred'}/{case.site}"


def _one_per_case(
    audits: list[dict[str, Any]], epochs: dict[int, tuple[str, int]]
) -> list[dict[str, Any]]:
    by_case = {row["sequence"]: row for row in audits}
    kept = ("sequence", "probability", "drawn_at", "answered_at", "reference_kind")
    rows = []
    for sequence, row in by_case.items():
        drawn = row["drawn_at"] is not None
        stratum, epoch = epochs[sequence] if drawn else (None, None)
        new = {"stratum": stratum, "epoch": epoch, "common": True if drawn else None}
        rows.append({**{name: row[name] for name in kept}, **new, "answer_number": None})
    both = [row for row in rows if row["drawn_at"] is not None and row["answered_at"] is not None]
    both.sort(key=lambda row: (max(row["drawn_at"], row["answered_at"]), row["sequence"]))
    for number, row in enumerate(both, start=1):
        row["answer_number"] = number
    return rows


def _drop_states(connection: Connection) -> None:
    dropped = [dict(row._mapping) for row in connection.execute(select(STATES))]
    if not dropped:
        return
    connection.execute(STATES.delete())
    why = "states of an older kind; the monitors of these calibrations start again from case 1"
    event = {
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "kind": "monitor_states_dropped",
        "detail": {"reason": why, "states": dropped},
    }
    op.bulk_insert(EVENTS, [event])
