"""What a run of the monitors found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from segqc_conformal.standing import Standing

if TYPE_CHECKING:
    from segqc_conformal.monitors.version_monitor import VersionMonitor

__all__ = ["MonitorRun", "SegmentFound", "monitor_run"]

EXIT_CODES = {"ok": 0, "alarm": 10, "not_enough_evidence": 11}
Status = Literal["ok", "alarm", "not_enough_evidence"]


@dataclass(frozen=True)
class SegmentFound:
    """What is known of one segment.

    Parameters
    ----------
    standing : Standing
        Its state, since when, and why.
    cases : int
        Cases that had a bet since the watch in force started.
    log_evidence : float
        As `WatchState.log_evidence`.
    alarmed_at : int or None
        Number, among the cases that had a bet, of the case that raised the alarm.
    change_point : str or None
        Id of the case with which the change is estimated to have begun.
    located : tuple of str
        Streams that alarmed themselves.
    watch_epoch : int
        1, and one more for every WATCH that was closed.
    evidence : dict
        Of the audited monitors: audits, losses, risk with its interval.

    Notes
    -----
    Guarantee: that of `SegmentMonitor`.
    """

    standing: Standing
    cases: int
    log_evidence: float
    alarmed_at: int | None
    change_point: str | None
    located: tuple[str, ...]
    watch_epoch: int
    evidence: dict[str, Any]


@dataclass(frozen=True)
class MonitorRun:
    """What a run of the monitors found.

    Parameters
    ----------
    status : {"ok", "alarm", "not_enough_evidence"}
        An alarm (WATCH or HARM) stays one until it closes. Without an alarm there is not enough
        evidence if a segment is STALE or has had no bet yet, or if a case or an audit could not be
        used in this run.
    new_cases, repeats : int
        Cases read in this run; those of them whose patient had had a bet.
    new_audits : int
        Answers read in this run.
    skipped : tuple of (str, str)
        Case id and reason of each case or audit of this run that could not be used.
    last_case : str or None
        Id of the last case read in this run. Audits of later cases are clean of an alarm raised
        here (`segqc recalibrate --since`).
    segments : tuple of SegmentFound
    started : str or None
        When the monitors of this version began in this log, in ISO form; None: not yet, as no case
        was there.

    Notes
    -----
    Guarantee: that of `SegmentMonitor`.

    Examples
    --------
    >>> MonitorRun("ok", 5, 0, 1, (), "c9", (), None).exit_code
    0
    """

    status: Status
    new_cases: int
    repeats: int
    new_audits: int
    skipped: tuple[tuple[str, str], ...]
    last_case: str | None
    segments: tuple[SegmentFound, ...]
    started: str | None

    @property
    def exit_code(self) -> int:
        """0 ok, 10 alarm, 11 not enough or stale evidence."""
        return EXIT_CODES[self.status]

    @property
    def standings(self) -> tuple[Standing, ...]:
        """What verdicts must say of each segment."""
        return tuple(segment.standing for segment in self.segments)


class Read(Protocol):
    """What a run has read."""

    new_cases: int
    repeats: int
    audits: int
    last_case: str | None
    skipped: list[tuple[str, str]]


def monitor_run(monitor: VersionMonitor, read: Read, begun: bool) -> MonitorRun:
    """Sum up a run; `begun` says whether the monitors are in the log."""
    segments = []
    for segment in monitor:
        state = segment.watch.state()
        segments.append(
            SegmentFound(
                segment.standing,
                state.cases,
                state.log_evidence,
                state.alarmed_at,
                state.change_case_id,
                state.located,
                segment.watch_epoch,
                segment.evidence(),
            )
        )
    return MonitorRun(
        _status(segments, bool(read.skipped)),
        read.new_cases,
        read.repeats,
        read.audits,
        tuple(read.skipped),
        read.last_case,
        tuple(segments),
        monitor.started if begun else None,
    )


def _status(segments: list[SegmentFound], skipped: bool) -> Status:
    states = {segment.standing.state for segment in segments}
    if states & {"WATCH", "HARM"}:
        return "alarm"
    no_bet = all(segment.cases == 0 and segment.watch_epoch == 1 for segment in segments)
    return "not_enough_evidence" if skipped or no_bet or "STALE" in states else "ok"
