"""The drift report of what the case log holds under one calibration."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

from segqc_conformal.case_log import CaseLog
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors.exchangeability import ExchangeabilityWatch
from segqc_conformal.monitors.run import MONITOR
from segqc_conformal.monitors.start_values import shares
from segqc_conformal.reports.drift_report import StreamEvidence, write_drift_report

__all__ = ["write_logged_drift"]


def write_logged_drift(
    path: str | Path, log: CaseLog, gate: CalibratedGate, now: datetime | None = None
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

    Returns
    -------
    Path

    Notes
    -----
    Guarantee: none; the alarm's guarantee is that of `ExchangeabilityWatch`, the figures around
    it are descriptive.
    """
    rows = log.stream_rows(calibration=gate.id)
    cases = log.cases_after(calibration=gate.id)[["case_id", "site", "time"]]
    current = rows.merge(cases, on="case_id", how="left")
    saved = log.monitor_state(MONITOR, gate.id)
    states = [] if saved is None else _evidence(ExchangeabilityWatch.from_json(saved.state))
    return write_drift_report(path, gate, current, states, log.events(), now)


def _evidence(watch: ExchangeabilityWatch) -> list[StreamEvidence]:
    levels = {
        name: -math.log(share)
        for name, share in shares(watch.streams, watch.primary, watch.false_alarm).items()
    }
    state = watch.state()
    return [
        StreamEvidence(
            name=name,
            log_evidence=excess + levels[name],
            alarm_level=levels[name],
            alarmed=name in state.located,
            change_point=state.change_case_id if name in state.located[:1] else None,
        )
        for name, excess in watch.evidence().items()
    ]
