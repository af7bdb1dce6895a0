"""What a webhook is to be told: put down with the event itself, kept until it was delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.case_log import schema
from segqc_conformal.case_log.rows import time_text

__all__ = ["Notice", "due_notices", "put_in_outbox", "record_delivery", "record_failure"]

NOTIFIED = ("state_changed", "recalibration_requested")
COUNTED = ("audits", "losses", "waiting", "overdue")
OUTBOX, EVENTS = schema.outbox.c, schema.events.c


@dataclass(frozen=True)
class Notice:
    """What a webhook is to be told of one event.

    Parameters
    ----------
    key : str
        The same at every attempt: a receiver that has seen it ignores the rest.
    kind : str
        Of the event.
    time : str
        Of the event, in UTC.
    data : mapping
        ``calibration, segment, before, after, counts``, and nothing else.
    attempts : int
        Made so far.

    Notes
    -----
    Guarantee: no id of a case or patient and no free text, as `data` is filled name by name.

    Examples
    --------
    >>> Notice("1f", "state_changed", "2026-11-28T08:00:00.000000Z", {"after": "WATCH"}, 0).kind
    'state_changed'
    """

    key: str
    kind: str
    time: str
    data: Mapping[str, Any]
    attempts: int


def put_in_outbox(
    connection: Connection, number: int, kind: str, detail: Mapping[str, Any], now: datetime
) -> None:
    """Put an event down for delivery, if it is of a kind that others are told of."""
    if kind not in NOTIFIED:
        return
    data = {name: detail[name] for name in ("calibration", "segment", "before", "after")}
    data["counts"] = _counts(detail["evidence"])
    told = {"number": number, "kind": kind, "time": time_text(now), "data": data}
    connection.execute(
        insert(schema.outbox).values(
            number=number,
            key=sha256_hex(canonical_json(told).encode()),
            data=data,
            attempts=0,
        )
    )


def _counts(evidence: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the counts of each promise, over all sites: names of sites are not told."""
    return {
        promise: {name: told[name] for name in COUNTED}
        for promise, told in evidence.items()
        if isinstance(told, Mapping) and set(COUNTED) <= set(told)
    }


def due_notices(connection: Connection, now: datetime) -> list[Notice]:
    """Return what is not delivered yet and may be tried at `now`, oldest first."""
    query = select(OUTBOX.key, EVENTS.kind, EVENTS.time, OUTBOX.data, OUTBOX.attempts)
    query = query.join(schema.events, EVENTS.number == OUTBOX.number).where(
        OUTBOX.delivered_at.is_(None),
        or_(OUTBOX.next_attempt_at.is_(None), OUTBOX.next_attempt_at <= time_text(now)),
    )
    return [Notice(*row) for row in connection.execute(query.order_by(OUTBOX.number))]


def record_delivery(connection: Connection, key: str, now: datetime) -> None:
    """Note that the receiver took it."""
    _record(connection, key, {"delivered_at": time_text(now)})


def record_failure(connection: Connection, key: str, next_attempt: datetime) -> None:
    """Note that the receiver did not take it, and when to try again."""
    _record(connection, key, {"next_attempt_at": time_text(next_attempt)})


def _record(connection: Connection, key: str, values: dict[str, str]) -> None:
    tried = update(schema.outbox).where(OUTBOX.key == key)
    connection.execute(tried.values(attempts=OUTBOX.attempts + 1, **values))
