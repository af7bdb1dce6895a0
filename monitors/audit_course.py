"""Audited risks over time: what each promise's audits said, answer by answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from segqc_conformal.case_log import CaseLog
from segqc_conformal.monitors.audit_event import AuditEvent, audit_events
from segqc_conformal.monitors.audited_promises import (
    ACCEPTED_ERROR,
    MISCOVERAGE,
    audit_loss,
    promises_of,
)
from segqc_conformal.monitors.risk_sequence import risk_interval
from segqc_conformal.monitors.segment_monitor import SegmentMonitor
from segqc_conformal.monitors.version_monitor import VersionMonitor

__all__ = ["AuditCourse", "audit_courses", "course_rows"]


@dataclass(frozen=True, eq=False)
class AuditCourse:
    """The audits of one promise of one segment, in order.

    Parameters
    ----------
    segment, promise : str
    bound : float
        What the monitor tests the risk against.
    share : float
        d of the ends in `rows`; theirs alone, they decide nothing.
    rows : DataFrame
        As `course_rows` returns it.
    harm_at : int or None
        Row (from 0) of the audit at which HARM was declared.
    watch_at : int or None
        First row of a case after an open WATCH alarm.

    Notes
    -----
    Guarantee: that of `course_rows`.
    """

    segment: str
    promise: str
    bound: float
    share: float
    rows: pd.DataFrame
    harm_at: int | None = None
    watch_at: int | None = None


def audit_courses(log: CaseLog, monitor: VersionMonitor) -> tuple[AuditCourse, ...]:
    """Return the course of every promise, of just the audits that the monitors have counted.

    Parameters
    ----------
    log : CaseLog
        From which `monitor` was fed.
    monitor : VersionMonitor

    Returns
    -------
    tuple of AuditCourse
        Promises without an audit left out.

    Notes
    -----
    Guarantee: that of `course_rows` for each course, at d = its `share`: the monitors' d of an
    audited alarm of that segment, spent once more and apart from them.
    """
    answers = log.answers_after(0, monitor.gate.id)
    until = max(segment.now for segment in monitor)
    counted = [
        event
        for event in audit_events(pd.DataFrame(), answers, until, monitor.cases)
        if event.answer is not None
        and event.answer <= monitor.answers
        and event.reference_kind != "edited"
    ]
    drawn = answers.set_index("answer_number")[["stratum", "epoch"]]
    return tuple(
        course
        for segment in monitor
        for promise in (ACCEPTED_ERROR, MISCOVERAGE)
        if (course := _course(segment, promise, monitor, counted, drawn)) is not None
    )


def _course(
    segment: SegmentMonitor,
    promise: str,
    monitor: VersionMonitor,
    events: Iterable[AuditEvent],
    drawn: pd.DataFrame,
) -> AuditCourse | None:
    own = [
        event
        for event in events
        if monitor.gate.segment_of(event.site) == segment.segment
        and promise in promises_of(segment.segment, event)
    ]
    if not own:
        return None
    told = pd.DataFrame(
        {
            "answer": [event.answer for event in own],
            "case_id": [event.case_id for event in own],
            "sequence": [event.sequence for event in own],
            "time": [event.time for event in own],
            "loss": [audit_loss(promise, event, monitor.gate.dice_threshold) for event in own],
        }
    )
    told = told.join(drawn, on="answer")
    rows = course_rows(told, segment.audit_delta)
    bound = segment.segment.tolerated_error
    if promise == MISCOVERAGE:
        assert segment.segment.coverage is not None
        bound = segment.segment.coverage.bound
    assert bound is not None
    alarmed = segment.evidence()[promise]["alarmed_at"]
    harm = None if alarmed is None else int(np.flatnonzero(rows["answer"].rank() == alarmed)[0])
    return AuditCourse(
        segment.segment.name, promise, bound, segment.audit_delta, rows, harm, _since(segment, rows)
    )


def _since(segment: SegmentMonitor, rows: pd.DataFrame) -> int | None:
    if segment.closing is None:
        return None
    after = np.flatnonzero(rows["sequence"] > segment.closing.since_sequence)
    return int(after[0]) if len(after) else None


def course_rows(audits: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return the running risk with its ends, anew after each change of the audit rate.

    Parameters
    ----------
    audits : DataFrame
        ``answer`` (number), ``sequence, stratum, epoch, loss``, and columns that are carried: the
        answered audits of one promise, in any order.
    share : float
        d of each period's ends, in (0, 1).

    Returns
    -------
    DataFrame
        By ``period`` (from 0) and within it in the order of the answers; ``audits, risk, low,
        high`` count from the start of the period.

    Notes
    -----
    Guarantee: within each period, that of `risk_interval` at every number of audits at once: a
    period is a time in which no stratum's rate changed, so its audits are a random sample of the
    cases that the promise is about, if these are drawn alike at all sites (`AuditRates`).

    Examples
    --------
    >>> audits = pd.DataFrame({"answer": [1, 2, 3], "sequence": [5, 7, 9], "epoch": [0, 0, 1],
    ...                        "stratum": "accepted/A", "loss": [0.0, 1.0, 0.0]})
    >>> course_rows(audits, 0.05)[["period", "audits", "risk"]].values.tolist()
    [[0.0, 1.0, 0.0], [0.0, 2.0, 0.5], [1.0, 1.0, 0.0]]
    """
    ordered = audits.sort_values("sequence")
    ordered["period"] = list(_periods(zip(ordered["stratum"], ordered["epoch"], strict=True)))
    rows = ordered.sort_values(["period", "answer"], ignore_index=True)
    by_period = rows.groupby("period")["loss"]
    rows["audits"] = by_period.cumcount() + 1
    losses = by_period.cumsum()
    rows["risk"] = losses / rows["audits"]
    rows["low"], rows["high"] = risk_interval(losses, rows["audits"], share)
    return rows


def _periods(drawn: Iterable[tuple[str, int]]) -> Iterator[int]:
    """Yield the period of each draw: a time in which every stratum is seen with one epoch."""
    period, epochs = 0, dict[str, int]()
    for stratum, epoch in drawn:
        if epochs.setdefault(stratum, epoch) != epoch:
            period, epochs = period + 1, {stratum: epoch}
        yield period
