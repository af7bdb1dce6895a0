"""The drift report of what the case log holds under one calibration."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from segqc_conformal.case_log import CaseLog
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors.audit_course import audit_courses
from segqc_conformal.monitors.exchangeability import ExchangeabilityWatch
from segqc_conformal.monitors.monitor_table import audits_table
from segqc_conformal.monitors.run import saved_monitor
from segqc_conformal.monitors.segments import watched
from segqc_conformal.monitors.start_values import shares
from segqc_conformal.monitors.version_monitor import VersionMonitor
from segqc_conformal.reports.case_pictures import CasePictures
from segqc_conformal.reports.drift_report import write_drift_report
from segqc_conformal.reports.monitor_evidence import MonitorEvidence, StreamEvidence

__all__ = ["write_logged_drift"]


def write_logged_drift(
    path: str | Path,
    log: CaseLog,
    gate: CalibratedGate,
    now: datetime | None = None,
    *,
    pictures: CasePictures | None = None,
    workspace: str | Path | None = None,
) -> Path:
    """Compare the logged cases of the active calibration with its calibration cases.

    Parameters
    ----------
    path : str or Path
        The HTML file, replaced at once.
    log : CaseLog
    gate : CalibratedGate
        Only cases judged by it are shown, with what its watch knows after the last
        `run_monitors`.
    now : datetime, optional
        Printed at the foot.
    pictures, workspace
        As in `write_drift_report`.

    Returns
    -------
    Path

    Notes
    -----
    Guarantee: none; the alarm's guarantee is that of `ExchangeabilityWatch`, the figures around
    it are descriptive.
    """
    rows = log.stream_rows(calibration=gate.id)
    cases = log.cases_after(calibration=gate.id)[["case_id", "site", "time", "repeat"]]
    current = rows.merge(cases, on="case_id", how="left")
    monitor = saved_monitor(log, watched(gate))
    found = MonitorEvidence(standings=tuple(gate.standings), events=log.events())
    if monitor is not None:
        found = MonitorEvidence(
            monitor.standings,
            _streams(monitor),
            audits_table(monitor),
            audit_courses(log, monitor),
            found.events,
        )
    return write_drift_report(
        path, gate, current, found, now, pictures=pictures, workspace=workspace
    )


def _streams(monitor: VersionMonitor) -> tuple[StreamEvidence, ...]:
    segments = list(monitor)
    return tuple(
        replace(each, name=f"{each.name}, {segment.segment.name}") if len(segments) > 1 else each
        for segment in segments
        for each in _of_watch(segment.watch)
    )


def _of_watch(watch: ExchangeabilityWatch) -> list[StreamEvidence]:
    levels = {
        name: -math.log(share)
        for name, share in shares(watch.streams, watch.primary, watch.false_alarm).items()
    }
    state = watch.state()
    return [
        StreamEvidence(
            name=name.removeprefix("feature_"),
            log_evidence=excess + levels[name],
            alarm_level=levels[name],
            alarmed=name in state.located,
            change_point=state.change_case_id if name in state.located[:1] else None,
        )
        for name, excess in watch.evidence().items()
    ]
