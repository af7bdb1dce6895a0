"""What the case log tells the monitors of an audit: the draw, or the answer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from segqc_conformal.verdict_table import NO_PROMISE

__all__ = ["AuditEvent", "audit_events"]


@dataclass(frozen=True)
class AuditEvent:
    """A case was drawn to be audited, or the answer came.

    Parameters
    ----------
    case_id, site : str
    sequence : int
        Of the case.
    case_time : datetime or None
    common : bool
        Drawn at the rate that accepted and referred cases share.
    accepted : bool
    promised : bool
        Whether its interval carries a promise.
    time : datetime
        Of the event.
    drawn : datetime
    answer : int or None
        Number of the answer; None for a draw.
    dice : float or None
        Of the case's worst structure.
    covered : bool
        Whether `dice` lies in the interval.
    reference_kind : str

    Notes
    -----
    Guarantee: none.
    """

    case_id: str
    site: str
    sequence: int
    case_time: datetime | None
    common: bool
    accepted: bool
    promised: bool
    time: datetime
    drawn: datetime
    answer: int | None = None
    dice: float | None = None
    covered: bool = False
    reference_kind: str = ""


def audit_events(
    draws: pd.DataFrame, answers: pd.DataFrame, until: datetime, last_case: int
) -> list[AuditEvent]:
    """Return what `CaseLog.draws_after` and `answers_after` tell, each answer after its draw.

    Parameters
    ----------
    draws, answers : DataFrame
    until : datetime
        Later draws, and answers from the first later one on, are left for a later run.
    last_case : int
        So are those of cases beyond this sequence number: monitors have not seen them yet.

    Notes
    -----
    Guarantee: none.
    """
    drawn = deque(
        each
        for each in map(_event, draws.to_dict("records"))
        if each.time <= until and each.sequence <= last_case
    )
    events: list[AuditEvent] = []
    for answer in map(_answer, answers.to_dict("records")):
        if answer.time > until or answer.sequence > last_case:
            break
        while drawn and drawn[0].time <= answer.time:
            events.append(drawn.popleft())
        events.append(answer)
    return [*events, *drawn]


def _event(row: dict[Any, Any], drawn: str = "time") -> AuditEvent:
    return AuditEvent(
        case_id=row["case_id"],
        site=row["site"],
        sequence=int(row["sequence"]),
        case_time=None if pd.isna(row["case_time"]) else row["case_time"].to_pydatetime(),
        common=bool(row["common"]),
        accepted=bool(row["accept"]),
        promised=row["reason"] not in NO_PROMISE,
        time=row["time"].to_pydatetime(),
        drawn=row[drawn].to_pydatetime(),
    )


def _answer(row: dict[Any, Any]) -> AuditEvent:
    dice = float(row["dice"])
    return AuditEvent(
        **{
            **vars(_event(row, "drawn_at")),
            "answer": int(row["answer_number"]),
            "dice": dice,
            "covered": bool(row["dice_low"] <= dice <= row["dice_high"]),
            "reference_kind": row["reference_kind"],
        }
    )
