"""A hospital whose cases change in kind: judged day by day, audited, alarmed, recalibrated.

Everything is what a hospital runs: calibration folder, case log in SQLite, random audits answered
with the true Dice, a run of the monitors each evening, verdicts that say what it found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from monitors_real import Split
from recalibration_phases import counts, judged_cases

import segqc_conformal as sq
from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case_log import CaseLog
from segqc_conformal.certificate import StructureCertificate
from segqc_conformal.errors import CalibrationError
from segqc_conformal.monitors import MonitorRun, MonitorSettings, run_monitors, watched
from segqc_conformal.random_audits import audits_since
from segqc_conformal.recalibration import recalibrate

LABELS = 60  # new patients who are labelled after the alarm
PER_DAY = 10
AUDIT_RATE = 0.25  # of all cases until the alarm; then every case, until there are enough labels
START = datetime(2026, 1, 5, tzinfo=UTC)
WHO = {"by": "benchmark", "reason": "the monitors raised an alarm"}

Days = deque[pd.DataFrame]
Runs = list[MonitorRun]


class Hospital:
    """A calibration folder and a case log; one `day` after another."""

    def __init__(
        self, place: Path, gate: sq.CalibratedGate, settings: MonitorSettings, secret_seed: int
    ) -> None:
        gate.save(place / "calibration", by="benchmark", reason="first")
        self.folder = CalibrationFolder(place / "calibration")
        self.gate, self.settings, self.secret_seed = self.folder.load(), settings, secret_seed
        self.log = CaseLog(f"sqlite:///{place}/log.db")
        self.now = START

    def day(self, rows: pd.DataFrame, rate: float) -> tuple[pd.DataFrame, MonitorRun]:
        """Judge cases, audit some of them, and let the monitors run in the evening."""
        minutes = pd.to_timedelta(pd.factorize(rows["case_id"])[0], unit="min")
        rows = rows.assign(time=pd.Timestamp(self.now) + minutes)
        verdicts = self.gate.judge(rows)
        self.log.add(verdicts, rows.drop(columns="dice"), gate_patients=self.gate.patients)
        drawn = self.log.draw_audits(rate, self.secret_seed, now=self.now + timedelta(hours=12))
        dice = rows.set_index("structure").groupby("case_id")["dice"]
        for case in drawn["case_id"]:
            answer = dice.get_group(case).to_dict()
            self.log.add_audit(case, answer, now=self.now + timedelta(hours=18))
        run = self._evening()
        self.now += timedelta(days=1)
        return judged_cases(verdicts, rows), run

    def _evening(self) -> MonitorRun:
        now = self.now + timedelta(hours=20)
        return run_monitors(self.log, watched(self.gate), now, self.settings, folder=self.folder)

    def days_until(
        self, enough: Callable[[Runs], bool], days: Days, rate: float
    ) -> tuple[list[pd.DataFrame], Runs]:
        """Take days off `days` until the runs of their evenings are enough; return what came."""
        cases: list[pd.DataFrame] = []
        runs: Runs = []
        while days and not enough(runs):
            judged, run = self.day(days.popleft(), rate)
            cases.append(judged)
            runs.append(run)
        return cases, runs

    def recalibrate(self, since: str) -> str:
        """Calibrate on the audits of all cases after `since`; say how it went."""
        try:
            table = audits_since(self.log, since).table
            recalibrate(self.folder.path, table, **WHO, now=self.now)
        except CalibrationError:
            return "vetoed" if self.folder.history()[-1].action == "veto" else "refused"
        self.gate = self.folder.load()
        return "recalibrated"


def deciding(gate: sq.CalibratedGate) -> StructureCertificate:
    """Return the certificate by which whole cases are judged."""
    structures = gate.certificate.structures
    return structures.get("whole_case") or next(iter(structures.values()))


def streamed(
    split: Split, gate: sq.CalibratedGate, rng: np.random.Generator, on_watch: str = "keep"
) -> dict[str, Any]:
    """Let the patients of a split come: what was noticed, and what verdicts were worth by phase."""
    settings = MonitorSettings(seed=int(rng.integers(2**31)), on_watch=on_watch)
    secret_seed = int(rng.integers(2**31))
    quiet, new = _days(split.quiet, rng), _days(split.new, rng)
    with TemporaryDirectory() as place:
        hospital = Hospital(Path(place), gate, settings, secret_seed)
        phases, found = {}, {"certified": [deciding(gate).accept.certified]}
        phases["before"], runs = hospital.days_until(_alarmed, quiet, AUDIT_RATE)
        if not _alarmed(runs):
            phases["changed"], changed = hospital.days_until(_alarmed, new, AUDIT_RATE)
            runs += changed
            if _alarmed(runs):
                phases["under"], under = hospital.days_until(_labelled, new, 1.0)
                found |= {"labels": _audits(under), "states": [_state(run) for run in under]}
                if _labelled(under) and new:
                    rest = pd.concat(new)
                    found["outcome"] = hospital.recalibrate(str(runs[-1].last_case))
                    found["certified"].append(deciding(hospital.gate).accept.certified)
                    phases["after"] = [judged_cases(hospital.gate.judge(rest), rest)]
                    phases["twin"] = [judged_cases(gate.judge(rest), rest)]
        hospital.log.close()
    return found | {
        "alarm": _state(runs[-1]) if _alarmed(runs) else None,
        "early": "changed" not in phases,
        "audits": _audits(runs),
        "phases": {name: counts(pd.concat(cases)) for name, cases in phases.items() if cases},
    }


def _days(rows: pd.DataFrame, rng: np.random.Generator) -> Days:
    cases = rng.permutation(rows["case_id"].unique())
    parts = np.array_split(cases, range(PER_DAY, len(cases), PER_DAY))
    return deque(rows[rows["case_id"].isin(part)] for part in parts)


def _state(run: MonitorRun) -> str:
    return run.standings[0].state


def _alarmed(runs: Runs) -> bool:
    return bool(runs) and _state(runs[-1]) in ("WATCH", "HARM")


def _audits(runs: Runs) -> int:
    return sum(run.new_audits for run in runs)


def _labelled(runs: Runs) -> bool:
    return _audits(runs) >= LABELS
