"""The whole walk on the embedded cohort, from images to a new promise after a scanner change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import pandas as pd
import torch

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case import Case
from segqc_conformal.case_log import AuditRates, CaseLog
from segqc_conformal.demo.cohort import STRUCTURES, ScannerAge, cohort
from segqc_conformal.demo.ensemble import demo_predictors
from segqc_conformal.errors import InputError
from segqc_conformal.evaluation import summarise, with_true_dice
from segqc_conformal.features.extract import extract_features
from segqc_conformal.features.table import write_table
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors.audit_plan import audit_plan
from segqc_conformal.monitors.monitor_run import MonitorRun
from segqc_conformal.monitors.monitor_settings import MonitorSettings
from segqc_conformal.monitors.run import run_monitors
from segqc_conformal.monitors.segments import watched
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.random_audits import audits_since
from segqc_conformal.recalibration import recalibrate
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble

__all__ = ["DemoResult", "run_demo"]

LABELLED = 320  # patients; half fit, half calibrate
QUIET = 120  # new patients before the scanner change
BATCH = 20  # cases between two runs of the monitors
PATIENCE = 240  # new patients after the change at most, until the alarm
UNDER_ALARM = 160  # new patients while fresh reference masks are gathered
ROUTINE_RATE, RAISED_RATE = 0.05, 0.8  # share of cases audited; raised while an alarm is open
LAST = 120  # new patients under the new promise
BY = "segqc demo"

# told the stage and how much of it is done: (stage, done, total)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What the demo found; every number was computed in the run.

    Parameters
    ----------
    first, second : CalibratedGate
        Before and after recalibration.
    before, during, after : DataFrame
        Verdicts with true Dice: under the first promise before the scanner change, under it
        after the change, and under the second promise.
    patients_before_change : int
        Patients that the watch had seen when the scanner was replaced.
    last_run : MonitorRun
        The run that raised the alarm, or the last one if the change went unnoticed.
    under_alarm : MonitorRun
        The last run before recalibration: what audits had shown by then.
    events : DataFrame
        Events of the case log.
    cases : dict of str to Case
        Images of the first and of the last period, for pictures.

    Notes
    -----
    Guarantee: none.
    """

    first: CalibratedGate
    second: CalibratedGate
    before: pd.DataFrame
    during: pd.DataFrame
    after: pd.DataFrame
    patients_before_change: int
    last_run: MonitorRun
    under_alarm: MonitorRun
    events: pd.DataFrame
    cases: dict[str, Case]

    @property
    def patients_until_alarm(self) -> int | None:
        """Patients from the scanner change to the alarm; None if it went unnoticed."""
        alarmed_at = self.last_run.segments[0].alarmed_at
        return None if alarmed_at is None else alarmed_at - self.patients_before_change

    def summaries(self) -> dict[str, pd.DataFrame]:
        """Return the table of counts for each of the three periods."""
        threshold = self.first.certificate.settings["dice_threshold"]
        return {
            "before the change": summarise(self.before, threshold),
            "after it, old promise": summarise(self.during, threshold),
            "after it, new promise": summarise(self.after, threshold),
        }


@dataclass
class _Hospital:
    """Patients come in batches; the ensemble, the log and the audits are real."""

    seed: int
    log: CaseLog
    folder: CalibrationFolder
    progress: Progress
    sampler: DeepEnsemble = field(default_factory=lambda: DeepEnsemble(demo_predictors()))
    next_patient: int = 0
    cases: dict[str, Case] = field(default_factory=dict)

    def batches(self, stage: str, patients: int, scanner: ScannerAge) -> Iterator[pd.DataFrame]:
        """Yield feature tables of the next patients, with dice, as their images come in."""
        cases = cohort(self.seed, patients, first=self.next_patient, scanner=scanner)
        self.next_patient += patients
        seen: set[str] = set()
        while batch := list(islice(cases, BATCH)):
            self.progress(stage, len(seen), patients)
            seen |= {case.patient_id for case in batch}
            self.cases |= {case.case_id: case for case in batch}
            yield extract_features(batch, None, self.sampler, structures=STRUCTURES, progress=False)
        self.progress(stage, patients, patients)

    def judge(self, gate: CalibratedGate, table: pd.DataFrame, rate: float) -> pd.DataFrame:
        """Judge and log a batch, draw audits from it, and answer them."""
        verdicts = replace(gate, folder=str(self.folder.path)).judge(table)
        now = table["time"].max().to_pydatetime()
        self.log.add(verdicts, table, gate_patients=gate.patients)
        self.log.keep_certificate(gate.certificate, now=now)
        plan = audit_plan(AuditRates(rate), RAISED_RATE, self.folder.standings)
        for case_id in self.log.draw_audits(plan, self.seed, now=now)["case_id"]:
            dice = table[table["case_id"] == case_id].set_index("structure")["dice"]
            self.log.add_audit(case_id, dice.to_dict(), now=now)
        return with_true_dice(verdicts, table)

    def watch(self, gate: CalibratedGate, verdicts: pd.DataFrame) -> MonitorRun:
        """Run the monitors, and let verdicts from now on say what they found."""
        now = verdicts["time"].max().to_pydatetime()
        settings = MonitorSettings(seed=self.seed)
        return run_monitors(self.log, watched(gate), now, settings, folder=self.folder)

    def report(self, gate: CalibratedGate, path: Path, verdicts: pd.DataFrame) -> None:
        """Write the drift report of what the log holds."""
        from segqc_conformal.reports.logged_drift import write_logged_drift

        self.progress("drift report", 0, 1)
        gate = replace(gate, folder=str(self.folder.path))
        write_logged_drift(path, self.log, gate, verdicts["time"].max().to_pydatetime())
        self.progress("drift report", 1, 1)


def run_demo(folder: str | Path, seed: int = 0, progress: Progress | None = None) -> DemoResult:
    """Run the whole walk on the embedded cohort and leave its files in `folder`.

    Parameters
    ----------
    folder : str or Path
        Gets ``features.parquet``, ``verdicts.parquet``, ``drift-report.html``, ``calibration/`` and
        ``log.db``; the last two may not be there.
    seed : int
        Of the cohort: other patients, other verdicts, other alarms.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    DemoResult

    Raises
    ------
    InputError
        If an earlier demo left its files in `folder`.

    Notes
    -----
    Guarantee: none beyond those of the certificates it makes; the audits are a random draw, as
    `recalibrate` needs.
    """
    folder = _empty_folder(Path(folder))
    with _one_thread(), CaseLog(f"sqlite:///{folder / 'log.db'}") as log:
        calibration = CalibrationFolder(folder / "calibration")
        hospital = _Hospital(seed, log, calibration, progress or (lambda *_: None))
        first = _calibrated(hospital, folder)
        before, quiet = _period(hospital, first, "verdicts for new patients", QUIET, "original")
        stage = "scanner replaced: verdicts until the alarm"
        noticing, alarm = _period(hospital, first, stage, PATIENCE, "replaced", until_alarm=True)
        last_case = str(log.cases_after()["case_id"].iloc[-1])
        stage = "fresh reference masks for a random share"
        under_alarm, audited = _period(
            hospital, first, stage, UNDER_ALARM, "replaced", rate=RAISED_RATE
        )
        hospital.report(first, folder / "drift-report.html", under_alarm)
        second = _recalibrated(hospital, last_case)
        stage = "verdicts under the new promise"
        after, _ = _period(hospital, second, stage, LAST, "replaced")
        during = pd.concat([noticing, under_alarm], ignore_index=True)
        write_table(pd.concat([before, during, after]), folder / "verdicts.parquet")
        return DemoResult(
            first,
            second,
            before,
            during,
            after,
            quiet.segments[0].cases,
            alarm,
            audited,
            log.events(),
            hospital.cases,
        )


def _empty_folder(folder: Path) -> Path:
    left = [name for name in ("log.db", "calibration") if (folder / name).exists()]
    if left:
        raise InputError(
            "a folder without files of an earlier demo",
            f"{left} in {folder}",
            "choose another --out, or delete that folder",
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _calibrated(hospital: _Hospital, folder: Path) -> CalibratedGate:
    stage = f"features of {LABELLED} labelled patients"
    table = pd.concat(hospital.batches(stage, LABELLED, "original"), ignore_index=True)
    write_table(table, folder / "features.parquet")
    hospital.cases.clear()
    stage = "quality predictor and certificates"
    hospital.progress(stage, 0, 1)
    gate = QualityGate(seed=hospital.seed).calibrate(table)
    hospital.folder.add(gate, by=BY, reason="first calibration")
    hospital.progress(stage, 1, 1)
    return gate


def _recalibrated(hospital: _Hospital, last_case: str) -> CalibratedGate:
    stage, log = "new certificates", hospital.log
    hospital.progress(stage, 0, 1)
    gate = recalibrate(
        hospital.folder.path,
        audits_since(log, last_case).table,
        by=BY,
        reason="alarm after the scanner change",
    )
    hospital.progress(stage, 1, 1)
    return gate


def _period(
    hospital: _Hospital,
    gate: CalibratedGate,
    stage: str,
    patients: int,
    scanner: ScannerAge,
    until_alarm: bool = False,
    rate: float = ROUTINE_RATE,
) -> tuple[pd.DataFrame, MonitorRun]:
    """Judge `patients` in batches, the monitors running after each."""
    parts = []
    for table in hospital.batches(stage, patients, scanner):
        parts.append(hospital.judge(gate, table, rate))
        run = hospital.watch(gate, parts[-1])
        if until_alarm and run.status == "alarm":
            hospital.progress(stage, patients, patients)
            break
    return pd.concat(parts, ignore_index=True), run


@contextmanager
def _one_thread() -> Iterator[None]:
    # on volumes this small a second thread mostly waits, and one thread adds up the same everywhere
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
