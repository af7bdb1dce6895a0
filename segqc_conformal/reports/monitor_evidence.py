"""What the monitors found, as the drift report shows it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from segqc_conformal.monitors.audit_course import AuditCourse
from segqc_conformal.standing import Standing

__all__ = ["MonitorEvidence", "StreamEvidence"]


@dataclass(frozen=True)
class StreamEvidence:
    """What a monitor knows about one stream.

    Parameters
    ----------
    name : str
    log_evidence : float
        Natural logarithm of the evidence against "nothing changed".
    alarm_level : float
        The stream alarms when its log evidence reaches this.
    alarmed : bool
        Now or earlier.
    change_point : str or int, optional
        Where the change probably began: a case id or number; an estimate.

    Notes
    -----
    Guarantee: that of the monitor it came from.
    """

    name: str
    log_evidence: float
    alarm_level: float
    alarmed: bool
    change_point: str | int | None = None


@dataclass(frozen=True, eq=False)
class MonitorEvidence:
    """Everything the monitors say of one calibration; the default: none has run.

    Parameters
    ----------
    standings : tuple of Standing
        What they decided, by segment.
    streams : tuple of StreamEvidence
        What the watches know, by stream.
    audited : DataFrame, optional
        What audits said, as `audits_table` returns it.
    courses : tuple of AuditCourse
        The same, audit by audit.
    events : DataFrame, optional
        Of the log, oldest first; columns are shown as they are.

    Notes
    -----
    Guarantee: none by itself.
    """

    standings: tuple[Standing, ...] = ()
    streams: tuple[StreamEvidence, ...] = ()
    audited: pd.DataFrame | None = None
    courses: tuple[AuditCourse, ...] = ()
    events: pd.DataFrame | None = None
