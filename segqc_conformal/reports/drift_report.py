"""The drift report: what changed since the calibration, for people; one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

import pandas as pd

from segqc_conformal.adapters.evidently_report import DriftSnapshot, drift_snapshot
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors.gate_estimates import gate_estimates
from segqc_conformal.reports.drift_changes import per_site, what_changed
from segqc_conformal.reports.drift_columns import one_row_per_case
from segqc_conformal.reports.drift_sections import (
    StreamEvidence,
    happened,
    in_short,
    meaning,
    streams,
)
from segqc_conformal.reports.monitor_sections import audits, estimates, segments
from segqc_conformal.reports.page import Section, paragraph, table, write_page
from segqc_conformal.standing import Standing

__all__ = ["StreamEvidence", "write_drift_report"]

P_THRESHOLD = 0.001
# the frame grows with what it shows, so that the page scrolls as one
FIT_FRAME = """<script>addEventListener("load", () => {
  for (const frame of document.querySelectorAll("iframe")) {
    const body = frame.contentDocument.body;
    const fit = () => { frame.style.height = (body.scrollHeight + 24) + "px"; };
    new ResizeObserver(fit).observe(body);
    fit();
  }
});</script>"""


def write_drift_report(
    path: str | Path,
    gate: CalibratedGate,
    current: pd.DataFrame,
    states: Sequence[StreamEvidence] | None = None,
    events: pd.DataFrame | None = None,
    now: datetime | None = None,
    audited: pd.DataFrame | None = None,
    standings: Sequence[Standing] = (),
) -> Path:
    """Write the drift report of a gate as one self-contained HTML page.

    Parameters
    ----------
    path : str or Path
        The file, replaced at once.
    gate : CalibratedGate
        Its calibration cases are what recent cases are compared with.
    current : DataFrame
        Recent cases: ``case_id`` (or ``case``), ``structure``, ``accept_score``, and where known
        ``site``, ``predicted_dice`` and ``feature_`` columns.
    states : sequence of StreamEvidence, optional
        What the monitors know, per stream.
    events : DataFrame, optional
        Of the log, oldest first; columns are shown as they are.
    now : datetime, optional
        Printed at the foot; None: the time of the call.
    audited : DataFrame, optional
        What audits said, as `audits_table` returns it.
    standings : sequence of Standing
        What the monitors decided, by segment.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If `current` lacks a column.

    Notes
    -----
    Guarantee: none; alarms come from the monitors. evidently compares a seeded sample of at most
    10,000 recent cases, by Kolmogorov-Smirnov tests at 0.001.
    """
    states = list(states or ())
    then = one_row_per_case(gate.profile[gate.profile["role"] == "calibration"])
    recent = one_row_per_case(current)
    columns = list(dict.fromkeys([*then.columns, *recent.columns]))
    snapshot = drift_snapshot(
        then,
        recent,
        columns,
        {state.name: state.log_evidence for state in states},
        threshold=P_THRESHOLD,
    )
    sections = [
        segments(standings),
        in_short(states, len(recent)),
        audits(pd.DataFrame() if audited is None else audited),
        what_changed(gate, then, recent, current),
        estimates(gate_estimates(gate, current)),
        streams(states),
        per_site(gate, current),
        meaning(),
        happened(events),
        _details(snapshot),
    ]
    structures = ", ".join(gate.structures)
    subtitle = f"Recent cases against calibration {gate.id[:12]}: {structures}"
    return write_page(path, "Drift report", subtitle, sections, now)


def _details(snapshot: DriftSnapshot) -> Section:
    text = paragraph(
        f"By evidently: {snapshot.rows_current} recent cases (sampled where there are more than "
        f"10,000) against {snapshot.rows_reference} calibration cases, each column by a "
        f"Kolmogorov-Smirnov test; “detected” is p < {P_THRESHOLD:g}, uncorrected. Descriptive."
    )
    if snapshot.left_out:
        text += "<h3>Columns not compared</h3>" + table(
            ("column", "why"), list(snapshot.left_out.items())
        )
    if not snapshot.html:
        return Section("Detailed comparison", text + paragraph("There was nothing to compare."))
    frame = f'<iframe title="evidently drift report" srcdoc="{escape(snapshot.html)}"></iframe>'
    return Section("Detailed comparison", text + frame + FIT_FRAME)
