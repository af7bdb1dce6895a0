"""What monitors read and write: rows past a cursor; state and cursor together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, and_, func, insert, select, update

from segqc_conformal.case_log import schema
from segqc_conformal.case_log.outbox import put_in_outbox
from segqc_conformal.case_log.rows import expand_features, fetched, time_text
from segqc_conformal.errors import InputError
from segqc_conformal.iso_times import in_utc

__all__ = [
    "Event",
    "LogCounts",
    "SavedMonitor",
    "read_cases",
    "read_counts",
    "read_events",
    "read_pace",
    "read_state",
    "read_states",
    "read_stream_rows",
    "write_events",
    "write_state",
]

CASES, STATE, AUDITS = schema.cases.c, schema.monitor_state.c, schema.audits.c


@dataclass(frozen=True)
class Event:
    """Something that happened, to be recorded: its kind and its detail in JSON values.

    Examples
    --------
    >>> Event("watch_alarm", {"case_id": "c17"}).kind
    'watch_alarm'
    """

    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class SavedMonitor:
    """A monitor's state and the sequence number of the last case that it contains.

    Examples
    --------
    >>> SavedMonitor(cursor=12, state="{}").cursor
    12
    """

    cursor: int
    state: str


@dataclass(frozen=True)
class LogCounts:
    """Cases in the log; audits drawn and not answered, and those of them that took too long.

    Examples
    --------
    >>> LogCounts(cases=100, audits_pending=5, audits_overdue=1).audits_pending
    5
    """

    cases: int
    audits_pending: int
    audits_overdue: int


def _past(query: Select[Any], cursor: int, calibration: str | None) -> Select[Any]:
    query = query.where(CASES.sequence > cursor)
    return query if calibration is None else query.where(CASES.calibration == calibration)


def read_cases(
    connection: Connection, cursor: int, calibration: str | None, limit: int | None
) -> pd.DataFrame:
    """Return the cases past `cursor` in their order, one row each."""
    query = _past(select(schema.cases), cursor, calibration)
    return fetched(connection, query.order_by(CASES.sequence).limit(limit))


def read_stream_rows(
    connection: Connection, cursor: int, calibration: str | None, limit: int | None
) -> pd.DataFrame:
    """Return verdict and features of the cases past `cursor`, one row per structure."""
    chosen = _past(select(CASES.sequence), cursor, calibration)
    chosen_cases = chosen.order_by(CASES.sequence).limit(limit).subquery()
    verdicts, told = schema.verdicts, schema.features
    query = select(
        CASES.sequence,
        CASES.case_id,
        verdicts.c.structure,
        verdicts.c.predicted_dice,
        verdicts.c.accept_score,
        verdicts.c.reason,
        verdicts.c.message,
        told.c.features,
    ).select_from(schema.cases)
    query = query.join(chosen_cases, chosen_cases.c.sequence == CASES.sequence)
    query = query.join(verdicts, verdicts.c.sequence == CASES.sequence).outerjoin(
        told,
        and_(told.c.sequence == CASES.sequence, told.c.structure == verdicts.c.structure),
    )
    frame = fetched(connection, query.order_by(CASES.sequence, verdicts.c.structure))
    numbers = {name: "float64" for name in ("predicted_dice", "accept_score")}
    frame = frame.astype(numbers)
    return expand_features(frame)


def read_pace(
    connection: Connection, calibration: str
) -> tuple[int, datetime | None, datetime | None]:
    """Return how many cases were judged by a version, and their first and last time."""
    query = select(func.count(), func.min(CASES.time), func.max(CASES.time))
    count, *times = connection.execute(query.where(CASES.calibration == calibration)).one()
    first, last = (None if time is None else datetime.fromisoformat(time) for time in times)
    return int(count), first, last


def read_counts(connection: Connection, now: datetime, stale_after_days: int) -> LogCounts:
    """Count cases and unanswered audits; overdue are those drawn before that day."""
    # by whole days, as monitors count
    day = (in_utc(now) - timedelta(days=stale_after_days)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    waiting = select(func.count()).select_from(schema.audits)
    waiting = waiting.where(AUDITS.drawn_at.is_not(None), AUDITS.answered_at.is_(None))
    queries = (
        select(func.coalesce(func.max(CASES.sequence), 0)),  # they count 1, 2, 3, ...
        waiting,
        waiting.where(AUDITS.drawn_at < time_text(day)),
    )
    return LogCounts(*(connection.execute(query).scalar_one() for query in queries))


def read_state(connection: Connection, name: str, calibration: str) -> SavedMonitor | None:
    """Return the saved monitor, or None before its first commit."""
    query = select(STATE.cursor, STATE.state).where(
        STATE.name == name, STATE.calibration == calibration
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else SavedMonitor(row.cursor, row.state)


def read_states(connection: Connection, name: str) -> dict[str, SavedMonitor]:
    """Return the saved monitors of that name, by calibration."""
    rows = connection.execute(select(schema.monitor_state).where(STATE.name == name))
    return {row.calibration: SavedMonitor(row.cursor, row.state) for row in rows}


def write_state(
    connection: Connection,
    name: str,
    calibration: str,
    saved: SavedMonitor,
    previous: SavedMonitor | None,
) -> None:
    """Save a monitor that went on from `previous`; refuse if another run came between."""
    before = read_state(connection, name, calibration)
    if before != previous:
        raise InputError(
            f"monitor {name} as it was when this run began, at {_place(previous)}",
            f"another state, at {_place(before)}",
            "another run has gone on meanwhile; run again",
        )
    row = {"cursor": saved.cursor, "state": saved.state}
    if before is None:
        values = {"name": name, "calibration": calibration, **row}
        connection.execute(insert(schema.monitor_state).values(**values))
    else:
        here = and_(STATE.name == name, STATE.calibration == calibration)
        connection.execute(update(schema.monitor_state).where(here).values(**row))


def _place(saved: SavedMonitor | None) -> str:
    return "its start" if saved is None else f"case {saved.cursor}"


def read_events(connection: Connection) -> pd.DataFrame:
    """Return all events in order."""
    return fetched(connection, select(schema.events).order_by(schema.events.c.number))


def write_events(
    connection: Connection, events: Sequence[Event], now: datetime, *, notify: bool = False
) -> None:
    """Insert events at the time `now`; `notify`: and put down what a webhook is to be told."""
    for event in events:
        row = {"time": time_text(now), "kind": event.kind, "detail": dict(event.detail)}
        key = connection.execute(insert(schema.events).values(**row)).inserted_primary_key
        if notify and key is not None:
            put_in_outbox(connection, int(key[0]), event.kind, event.detail, now)
