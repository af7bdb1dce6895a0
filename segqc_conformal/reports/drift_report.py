"""The drift report: what changed since the calibration, for people; one self-contained page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path

import pandas as pd

from segqc_conformal.adapters.evidently_report import DriftSnapshot, MonitorFigure, drift_snapshot
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors.gate_estimates import gate_estimates
from segqc_conformal.reports.audit_course_section import audits_over_time
from segqc_conformal.reports.case_pictures import CasePictures
from segqc_conformal.reports.domain_classifier import DomainClassifier, domain_classifier
from segqc_conformal.reports.drift_changes import per_site, what_changed
from segqc_conformal.reports.drift_columns import not_comparable, one_row_per_case
from segqc_conformal.reports.drift_sections import happened, in_short, meaning
from segqc_conformal.reports.monitor_evidence import MonitorEvidence
from segqc_conformal.reports.monitor_sections import audits, estimates, segments
from segqc_conformal.reports.page import Section, notice, paragraph, table, write_page
from segqc_conformal.reports.ranking_section import ranking
from segqc_conformal.reports.site_sample import site_sample
from segqc_conformal.reports.unlike_section import most_changed

__all__ = ["write_drift_report"]

P_THRESHOLD = 0.001
MOST_CASES = 10_000
UNKNOWN = "unknown"
# the frame grows with what it shows, so that the page scrolls as one; evidently lays its document
# out for a wide window and cuts off what does not fit, so a narrower one gets it smaller
FIT_FRAME = """<script>addEventListener("load", () => {
  for (const frame of document.querySelectorAll("iframe")) {
    const inside = frame.contentDocument;
    const fit = () => {
      inside.body.style.zoom = Math.min(1, frame.clientWidth / 1300);
      frame.style.height = (inside.documentElement.offsetHeight + 24) + "px";
    };
    new ResizeObserver(fit).observe(inside.body);
    addEventListener("resize", fit);
    fit();
  }
});</script>"""


def write_drift_report(
    path: str | Path,
    gate: CalibratedGate,
    current: pd.DataFrame,
    evidence: MonitorEvidence | None = None,
    now: datetime | None = None,
    *,
    pictures: CasePictures | None = None,
    workspace: str | Path | None = None,
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
        ``site``, ``time``, ``predicted_dice``, ``feature_`` columns, and ``repeat``: whether the
        case is a further one of its patient, or of one of the calibration.
    evidence : MonitorEvidence, optional
        What the monitors found; None: none has run.
    now : datetime, optional
        Printed at the foot; None: the time of the call.
    pictures : CasePictures, optional
        Of the most changed cases.
    workspace : path, optional
        Folder of an evidently workspace that gets the same comparison as a run.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If `current` lacks a column.
    FileFormatError
        If `workspace` cannot be read as one; the page is then written all the same.

    Notes
    -----
    Guarantee: none; alarms come from the monitors. evidently compares a seeded sample of at most
    10,000 recent cases, drawn by site, by Kolmogorov-Smirnov tests at 0.001.
    """
    evidence = evidence or MonitorEvidence()
    then = one_row_per_case(gate.compared_with)
    recent = one_row_per_case(current)
    sites = _by_case(current, "site", UNKNOWN).reindex(recent.index)
    sample = recent.loc[site_sample(sites, MOST_CASES)]
    left_out = not_comparable(then, sample)
    used = [name for name in then.columns if name not in left_out]
    snapshot = drift_snapshot(
        then[used],
        sample[used],
        _figures(evidence),
        threshold=P_THRESHOLD,
        tags=[f"calibration {gate.id[:12]}", *(f"site {site}" for site in sorted(set(sites)))],
        now=now,
    )
    sections = [
        *([_weighted(len(then))] if gate.certificate.reweighted else []),
        segments(evidence.standings),
        in_short(evidence.streams, len(recent), current.get("time", pd.Series(dtype=object))),
        audits_over_time(evidence.courses),
        audits(pd.DataFrame() if evidence.audited is None else evidence.audited),
        ranking(evidence.streams, _classified(then[used], recent[used], current)),
        most_changed(then, recent, sites, pictures),
        what_changed(gate, then, recent, current),
        per_site(gate, current),
        estimates(gate_estimates(gate, current)),
        meaning(),
        happened(evidence.events),
        _details(snapshot, left_out, (len(then), len(sample), len(recent))),
    ]
    structures = ", ".join(gate.structures)
    subtitle = f"Recent cases against calibration {gate.id[:12]}: {structures}"
    written = write_page(path, "Drift report", subtitle, sections, now)
    if workspace is not None:
        from segqc_conformal.adapters.evidently_workspace import add_to_workspace

        add_to_workspace(workspace, f"Segmentation quality: {structures}", snapshot)
    return written


def _weighted(cases: int) -> Section:
    text = (
        f"This version was weighted towards {cases} new cases, without their labels: wherever this "
        "page says calibration cases or patients, these are meant, but under “Estimates without "
        "labels”, which go back to the labelled patients of the version before."
    )
    return Section("A weighted version", notice(text, "caution"))


def _by_case(rows: pd.DataFrame, name: str, default: str | bool) -> pd.Series:
    case = "case_id" if "case_id" in rows else "case"
    last = rows.drop_duplicates(case, keep="last").set_index(case)
    return last[name].fillna(default) if name in last else pd.Series(default, index=last.index)


def _figures(evidence: MonitorEvidence) -> list[MonitorFigure]:
    figures = [
        MonitorFigure("log evidence", state.name, state.log_evidence, state.alarm_level)
        for state in evidence.streams
    ]
    for course in evidence.courses:
        last = course.rows.iloc[-1]
        name = f"{course.promise}, {course.segment}"
        figures += [
            MonitorFigure("audited risk", name, float(last["risk"])),
            MonitorFigure("audited risk", f"{name}: lower end", float(last["low"]), course.bound),
            MonitorFigure("audited risk", f"{name}: upper end", float(last["high"])),
        ]
    return figures


def _classified(
    then: pd.DataFrame, recent: pd.DataFrame, current: pd.DataFrame
) -> DomainClassifier | str:
    # a further case of a patient would stand on both sides of the split
    repeat = _by_case(current, "repeat", False).reindex(recent.index).astype(bool)
    return domain_classifier(then, recent[~repeat])


def _details(
    snapshot: DriftSnapshot, left_out: Mapping[str, str], cases: tuple[int, int, int]
) -> Section:
    calibration, sampled, recent = cases
    which = (
        f"a sample of {sampled} of {recent} recent cases, drawn by site in proportion"
        if sampled < recent
        else f"all {recent} recent cases"
    )
    text = paragraph(
        f"By evidently: {which} against {calibration} calibration cases, each column by a "
        f"Kolmogorov-Smirnov test; “detected” is p < {P_THRESHOLD:g}, uncorrected, and of the "
        "dataset where half of the columns or more are. Descriptive. "
        "The figures of the monitors stand beside them, each tested against its alarm level or "
        "bound."
    )
    if left_out:
        text += "<h3>Columns not compared</h3>" + table(("column", "why"), list(left_out.items()))
    if not snapshot.html:
        return Section("Detailed comparison", text + paragraph("There was nothing to compare."))
    frame = f'<iframe title="evidently drift report" srcdoc="{escape(snapshot.html)}"></iframe>'
    return Section("Detailed comparison", text + frame + FIT_FRAME)
