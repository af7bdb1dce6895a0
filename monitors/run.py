"""One run of the monitors over the case log: what is new, then state and cursors together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case_log import CaseLog, Event, SavedMonitor
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import feature_columns
from segqc_conformal.iso_times import in_utc
from segqc_conformal.monitors.audit_event import audit_events
from segqc_conformal.monitors.monitor_run import MonitorRun, monitor_run
from segqc_conformal.monitors.monitor_settings import MonitorSettings
from segqc_conformal.monitors.quantise import quantile_edges
from segqc_conformal.monitors.run_commits import MONITOR, RunCommits
from segqc_conformal.monitors.segment_monitor import SegmentMonitor
from segqc_conformal.monitors.segments import WatchedGate
from segqc_conformal.monitors.streams import PRIMARY_STREAM, case_streams
from segqc_conformal.monitors.unusable import unusable_cases
from segqc_conformal.monitors.version_monitor import VersionMonitor
from segqc_conformal.whole_case import deciding_rows

__all__ = ["MONITOR", "run_monitors", "saved_monitor"]

BATCH = 2_000  # cases in one transaction
FEWEST_EDGES = 20  # of a stream's bins


@dataclass
class _Read:
    """What this run has read so far."""

    new_cases: int = 0
    repeats: int = 0
    audits: int = 0
    last_case: str | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list)


def run_monitors(
    log: CaseLog,
    gate: WatchedGate,
    now: datetime,
    settings: MonitorSettings | None = None,
    *,
    folder: CalibrationFolder | None = None,
    notify: bool = False,
) -> MonitorRun:
    """Feed what is new in the log to the monitors of one version.

    Parameters
    ----------
    log : CaseLog
        Cases, draws and answers are read past the cursors of the saved state; only of cases judged
        by the gate.
    gate : WatchedGate
        What `watched` makes of a gate.
    now : datetime
        Of the run. Draws and answers of a later time are left for a later run.
    settings : MonitorSettings, optional
        Declared by the first run, and the same in every later one; None: those declared, in the
        first run the default ones.
    folder : CalibrationFolder, optional
        Where verdicts are told what was found; None: no verdict is.
    notify : bool
        Whether changes of state are also put down for a webhook, in the same transaction.

    Returns
    -------
    MonitorRun
        A second run with nothing new changes nothing.

    Raises
    ------
    InputError
        If settings differ from those of the first run, time goes back, another run came
        between, or the version is watched through another log.
    OSError
        If the folder cannot be written; what could not be told to verdicts is not in the log.

    Notes
    -----
    Guarantee: that of `SegmentMonitor`, each case, draw and answer counted exactly once: state,
    cursors, events and what was spent are committed together, once verdicts are told, and a run
    that was cut off is repeated bit for bit.
    """
    now = in_utc(now)
    saved = log.monitor_state(MONITOR, gate.id)
    if saved is None and log.cases_after(0, gate.id, limit=1).empty:
        return monitor_run(
            VersionMonitor(gate, settings or MonitorSettings(), now), _Read(), begun=False
        )
    monitor = _restored(saved, gate, settings, now)
    monitor.check_time(now)
    commits = RunCommits(log, monitor, saved, now, folder, notify)
    if saved is None:
        if folder is not None:
            folder.check_log(gate.id, monitor.started)
        commits.begin()
    read = _Read()
    while len(cases := log.cases_after(monitor.cases, gate.id, BATCH)):
        rows = log.stream_rows(monitor.cases, gate.id, BATCH)
        missed = _feed_cases(monitor, cases, rows, now)
        read.new_cases += len(cases)
        read.repeats += int(cases["repeat"].sum())
        read.last_case = str(cases["case_id"].iloc[-1])
        read.skipped += missed
        monitor.cases = int(cases["sequence"].iloc[-1])
        commits.commit([*_skipped(gate.id, "cases_skipped", missed), *_settled(monitor, now)])
    commits.commit(_feed_audits(log, monitor, now, read))
    return monitor_run(monitor, read, begun=True)


def saved_monitor(log: CaseLog, gate: WatchedGate) -> VersionMonitor | None:
    """Return the monitors of a version as the last run left them; None before the first."""
    saved = log.monitor_state(MONITOR, gate.id)
    return None if saved is None else VersionMonitor.from_json(saved.state, gate)


def _restored(
    saved: SavedMonitor | None, gate: WatchedGate, settings: MonitorSettings | None, now: datetime
) -> VersionMonitor:
    if saved is None:
        return VersionMonitor(gate, settings or MonitorSettings(), now)
    monitor = VersionMonitor.from_json(saved.state, gate)
    if settings is not None and monitor.settings != settings:
        raise InputError(
            f"the settings with which these monitors began: {monitor.settings}",
            settings,
            "keep the settings; a new calibration starts new monitors",
        )
    return monitor


def _feed_cases(
    monitor: VersionMonitor, cases: pd.DataFrame, rows: pd.DataFrame, now: datetime
) -> list[tuple[str, str]]:
    """Update case by case; return the cases that could not be used, with the reason."""
    streams = {name for segment in monitor for name in segment.watch.streams}
    rows, missed = _watched_rows(monitor, rows, sorted(streams))
    usable = rows[~rows["case_id"].isin(list(missed))]
    values = case_streams(usable).to_dict("index")
    accepted = _accepted(rows)
    skipped = []
    for case in cases.to_dict("records"):
        case_id: str = case["case_id"]
        if case["repeat"]:
            continue
        reason = missed.get(case_id)
        if reason is None and case_id not in values:
            reason = "no verdict on a calibrated structure"
        found = _take(monitor, values.get(case_id), case, case_id in accepted, reason, now)
        if found is not None:
            skipped.append((case_id, found))
    return skipped


def _watched_rows(
    monitor: VersionMonitor, rows: pd.DataFrame, streams: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the rows with just the features of `streams`, and which cases cannot be used, why."""
    # a structure that was not calibrated must not enter the values that the bag was made of
    rows = rows[rows["structure"].isin(monitor.gate.profile["structure"])]
    features = [name for name in streams if name != PRIMARY_STREAM]
    rows = rows.reindex(columns=[*rows.columns.difference(feature_columns(rows)), *features])
    return rows, unusable_cases(rows, features)


def _accepted(rows: pd.DataFrame) -> set[str]:
    return set(rows.loc[deciding_rows(rows) & (rows["reason"] == "certified"), "case_id"])


def _take(
    monitor: VersionMonitor,
    values: Any,
    case: Mapping[Any, Any],
    accepted: bool,
    reason: str | None,
    now: datetime,
) -> str | None:
    """Count a case and let the watch take it, unless there is a reason not to; return why not."""
    case_id, site = case["case_id"], case["site"]
    time = None if pd.isna(case["time"]) else case["time"].to_pydatetime()
    try:
        segment = monitor.of_site(site, case_id)
    except InputError as error:
        monitor.unknown_site(site, now)
        return reason or str(error)
    segment.seen(accepted)
    if reason is None:
        try:
            segment.case(values, case_id, int(case["sequence"]), site, time)
        except InputError as error:
            reason = str(error)
    if reason is not None:
        segment.unwatched.note(site, now)
    return reason


def _feed_audits(log: CaseLog, monitor: VersionMonitor, now: datetime, read: _Read) -> list[Event]:
    """Update with draws and answers, one by one; return what happened."""
    events: list[Event] = []
    refused: list[tuple[str, str]] = []
    told = audit_events(
        log.draws_after(monitor.draws, monitor.gate.id),
        log.answers_after(monitor.answers, monitor.gate.id),
        now,
        monitor.cases,
    )
    for event in told:
        try:
            segment = monitor.of_site(event.site, event.case_id)
            segment.audit(event)
        except InputError as error:
            refused.append((event.case_id, str(error)))
        if event.answer is None:
            monitor.draws = max(monitor.draws, event.sequence)
        else:
            monitor.answers = max(monitor.answers, event.answer)
            read.audits += 1
            events += _settled(monitor, now)
            _reopen(log, monitor)
    for segment in monitor:
        segment.tick(now)
    read.skipped += refused
    return [*events, *_skipped(monitor.gate.id, "audits_refused", refused), *_settled(monitor, now)]


def _settled(monitor: VersionMonitor, now: datetime) -> list[Event]:
    """Return the changes of state, each with its evidence."""
    events = []
    for segment in monitor:
        change = segment.settle(now)
        if change is None:
            continue
        before, after = change
        detail = {
            "calibration": monitor.gate.id,
            "segment": segment.segment.name,
            "before": before,
            "after": after,
            "reasons": list(segment.reasons),
            "evidence": segment.evidence(),
        }
        events.append(Event("state_changed", detail))
        if after == "HARM":
            events.append(Event("recalibration_requested", detail))
    return events


def _reopen(log: CaseLog, monitor: VersionMonitor) -> None:
    """Start a new watch where one was closed as BENIGN, from bins of the cases since its alarm."""
    for segment in monitor:
        if segment.closing is None or segment.state != "BENIGN":
            continue
        old = segment.watch
        streams = _streams_since(log, monitor, segment)
        edges = {name: quantile_edges(streams[name]) for name in old.streams}
        # too few values to tell apart: better the bins of the calibration
        usable = {name: each for name, each in edges.items() if len(each) >= FEWEST_EDGES}
        segment.open_new_watch(old.fresh({**old.edges, **usable}))


def _streams_since(log: CaseLog, monitor: VersionMonitor, segment: SegmentMonitor) -> pd.DataFrame:
    """Return the streams of the latest usable cases of a segment since its alarm."""
    assert segment.closing is not None
    cases = log.cases_after(segment.closing.since_sequence, monitor.gate.id)
    here = cases["site"].map(lambda site: monitor.gate.segment_of(site) == segment.segment)
    cases = cases[here & ~cases["repeat"] & (cases["sequence"] <= monitor.cases)].tail(BATCH)
    names = list(segment.watch.streams)
    if cases.empty:
        return pd.DataFrame(columns=names, dtype=float)
    rows = log.stream_rows(int(cases["sequence"].iloc[0]) - 1, monitor.gate.id)
    rows = rows[rows["case_id"].isin(cases["case_id"])]
    rows, missed = _watched_rows(monitor, rows, names)
    return case_streams(rows[~rows["case_id"].isin(list(missed))]).reindex(columns=names)


def _skipped(gate_id: str, kind: str, missed: list[tuple[str, str]]) -> list[Event]:
    return [Event(kind, {"calibration": gate_id, "cases": dict(missed)})] if missed else []
