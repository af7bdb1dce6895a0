"""One run of the monitors over the case log: what is new, then state and cursor together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from segqc_conformal.case_log import CaseLog, Event, SavedMonitor
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import feature_columns
from segqc_conformal.monitors.exchangeability import ExchangeabilityWatch
from segqc_conformal.monitors.streams import (
    PRIMARY_STREAM,
    case_streams,
    start_watch,
)
from segqc_conformal.monitors.unusable import unusable_cases
from segqc_conformal.monitors.watch_state import WatchState

__all__ = ["MonitorRun", "run_monitors"]

MONITOR = "exchangeability"
BATCH = 2_000  # cases in one transaction
EXIT_CODES = {"ok": 0, "alarm": 10, "not_enough_evidence": 11}


@dataclass(frozen=True)
class MonitorRun:
    """What a run of the monitors found.

    Parameters
    ----------
    status : {"ok", "alarm", "not_enough_evidence"}
        An alarm stays one. Without an alarm there is not enough evidence if a case was skipped in
        this run, or none has had a bet yet.
    new_cases, repeats : int
        Cases read in this run; those of them whose patient had had a bet.
    total_cases : int
        Cases that had a bet since this calibration's watch started.
    log_evidence : float
        As `WatchState.log_evidence`.
    alarmed_at : int or None
        Number, among the cases that had a bet, of the case that raised the alarm.
    change_point : str or None
        Id of the case with which the change is estimated to have begun.
    located : tuple of str
        Streams that alarmed themselves.
    skipped : tuple of (str, str)
        Case id and reason of each case of this run that could not be used.
    last_case : str or None
        Id of the last case read in this run. Audits of later cases are clean of an alarm raised
        here (`segqc recalibrate --since`).

    Notes
    -----
    Guarantee: that of `ExchangeabilityWatch`.

    Examples
    --------
    >>> MonitorRun("ok", 5, 0, 105, -1.2, None, None, (), (), "c9").exit_code
    0
    """

    status: Literal["ok", "alarm", "not_enough_evidence"]
    new_cases: int
    repeats: int
    total_cases: int
    log_evidence: float
    alarmed_at: int | None
    change_point: str | None
    located: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    last_case: str | None

    @property
    def exit_code(self) -> int:
        """0 ok, 10 alarm, 11 not enough evidence."""
        return EXIT_CODES[self.status]


def run_monitors(
    log: CaseLog,
    gate_id: str,
    profile: pd.DataFrame,
    now: datetime,
    *,
    seed: int = 7,
    horizon: int = 10_000,
    false_alarm: float = 0.05,
) -> MonitorRun:
    """Feed the log's new cases to the watch of one calibration.

    Parameters
    ----------
    log : CaseLog
        Read past the cursor of the saved state; only cases judged by `gate_id`.
    gate_id : str
        Id of the calibration.
    profile : DataFrame
        The gate's profile, from which the first run starts the watch.
    now : datetime
        Time written to the events.
    seed, horizon, false_alarm
        Settings of the watch, as in `ExchangeabilityWatch`; the same in every run.

    Returns
    -------
    MonitorRun
        A second run with nothing new changes nothing.

    Raises
    ------
    InputError
        If settings differ from those of the first run, or another run came between.

    Notes
    -----
    Guarantee: that of `ExchangeabilityWatch`, each case counted exactly once: state, cursor and
    events of a batch are committed together, and a run that was cut off is repeated bit for bit.
    """
    saved = log.monitor_state(MONITOR, gate_id)
    watch = _watch(saved, profile, seed, horizon, false_alarm)
    cursor = None if saved is None else saved.cursor
    skipped: list[tuple[str, str]] = []
    new_cases = repeats = 0
    last_case: str | None = None
    while len(cases := log.cases_after(cursor or 0, gate_id, BATCH)):
        before = watch.state()
        rows = log.stream_rows(cursor or 0, gate_id, BATCH)
        # a structure that was not calibrated must not enter the values that the bag was made of
        missed = _feed(watch, cases, rows[rows["structure"].isin(profile["structure"])])
        last = int(cases["sequence"].iloc[-1])
        last_case = str(cases["case_id"].iloc[-1])
        log.commit_monitor(
            MONITOR,
            gate_id,
            SavedMonitor(last, watch.to_json()),
            previous_cursor=cursor,
            events=_events(gate_id, before, watch.state(), missed),
            now=now,
        )
        cursor = last
        skipped += missed
        new_cases += len(cases)
        repeats += int(cases["repeat"].sum())
    return _result(watch.state(), new_cases, repeats, skipped, last_case)


def _watch(
    saved: SavedMonitor | None, profile: pd.DataFrame, seed: int, horizon: int, false_alarm: float
) -> ExchangeabilityWatch:
    if saved is None:
        return start_watch(profile, seed, horizon, false_alarm)
    watch = ExchangeabilityWatch.from_json(saved.state)
    began = (watch.seed, watch.horizon, watch.false_alarm)
    if began != (seed, horizon, false_alarm):
        raise InputError(
            f"seed, horizon and false_alarm {began}, with which this watch began",
            (seed, horizon, false_alarm),
            "keep the settings; a new calibration starts a new watch",
        )
    return watch


def _feed(
    watch: ExchangeabilityWatch, cases: pd.DataFrame, rows: pd.DataFrame
) -> list[tuple[str, str]]:
    """Update case by case; return the cases that could not be used, with the reason."""
    features = [name for name in watch.streams if name != PRIMARY_STREAM]
    rows = rows.reindex(columns=[*rows.columns.difference(feature_columns(rows)), *features])
    missed = unusable_cases(rows, features)
    streams = case_streams(rows[~rows["case_id"].isin(list(missed))])
    values = streams.to_dict("index")
    skipped = []
    for case in cases.to_dict("records"):
        case_id: str = case["case_id"]
        if case["repeat"]:
            continue
        reason = missed.get(case_id)
        if reason is None and case_id not in values:
            reason = "no verdict on a calibrated structure"
        if reason is None:
            reason = _bet(watch, values[case_id], case)
        if reason is not None:
            skipped.append((case_id, reason))
    return skipped


def _bet(watch: ExchangeabilityWatch, values: Any, case: Mapping[Any, Any]) -> str | None:
    time = None if pd.isna(case["time"]) else case["time"].to_pydatetime()
    try:
        watch.update(values, case_id=case["case_id"], site=case["site"], time=time)
    except InputError as error:
        return str(error)
    return None


def _events(
    gate_id: str, before: WatchState, after: WatchState, missed: list[tuple[str, str]]
) -> list[Event]:
    told: list[Event] = []
    if missed:
        told.append(Event("cases_skipped", {"calibration": gate_id, "cases": dict(missed)}))
    if after.located != before.located:
        told.append(
            Event(
                "watch_located" if before.alarm else "watch_alarm",
                {
                    "calibration": gate_id,
                    "monitor": MONITOR,
                    "located": list(after.located),
                    "alarmed_at": after.alarmed_at,
                    "change_point": after.change_case_id,
                    "log_evidence": after.log_evidence,
                },
            )
        )
    return told


def _result(
    state: WatchState,
    new_cases: int,
    repeats: int,
    skipped: list[tuple[str, str]],
    last_case: str | None,
) -> MonitorRun:
    status: Literal["ok", "alarm", "not_enough_evidence"] = "ok"
    if state.alarm:
        status = "alarm"
    elif skipped or not state.cases:
        status = "not_enough_evidence"
    return MonitorRun(
        status,
        new_cases,
        repeats,
        state.cases,
        state.log_evidence,
        state.alarmed_at,
        state.change_case_id,
        state.located,
        tuple(skipped),
        last_case,
    )
