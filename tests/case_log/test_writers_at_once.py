"""Real processes that add, audit and watch one log at once."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.case_log import CaseLog
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors import run_monitors, watched
from segqc_conformal.monitors.run import saved_monitor

MakeTable = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WRITERS, CASES, PATIENTS = 4, 32, 24

# One process loads all and forks the others, which then begin in the same moment.
AT_ONCE = """
import json, os, random, sys, time
from datetime import UTC, datetime
from pathlib import Path
import pandas as pd
from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case_log import CaseLog
from segqc_conformal.monitors import run_monitors, watched

url, root, writers = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
folder, table = CalibrationFolder(root / "calibration"), pd.read_parquet(root / "table.parquet")
gate, now = folder.load(), datetime(2026, 11, 23, 8, tzinfo=UTC)
verdicts, names = gate.judge(table), sorted(set(table["case_id"]))
first_visits = set(table.drop_duplicates("patient_id")["case_id"])
by_case = table.set_index("structure").groupby("case_id")["dice"]
dice = {name: each.to_dict() for name, each in by_case}

def add(number):
    mine = random.Random(number).sample(names, len(names))[: len(names) // 2]
    mine += names[number :: writers]  # each writer has its own, and half of all
    with CaseLog(url) as log:
        for start in range(0, len(mine), 8):
            chunk = mine[start : start + 8]
            # of two cases of a patient in one batch a hash decides, not the order
            for batch in (set(chunk) & first_visits, set(chunk) - first_visits):
                rows, features = (t[t["case_id"].isin(batch)] for t in (verdicts, table))
                log.add(rows, features, gate_patients=gate.patients)
            log.keep_certificate(gate.certificate, now=now)

def audit(number):
    with CaseLog(url) as log:
        for _ in range(3):
            log.draw_audits(0.7, 1, now=now)
            for name in log.pending_audits()["case_id"]:
                log.add_audit(name, dice[name], now=now)

def watch(number):
    with CaseLog(url) as log:
        for _ in range(3):
            with log.only_run(60.0):
                run_monitors(log, watched(gate), now, folder=folder)

work = [(add, n) for n in range(writers)] + [(audit, 0), (watch, 0)]
begins, children = time.monotonic() + 0.2, []
for do, number in work:
    child = os.fork()
    if child == 0:
        time.sleep(max(0.0, begins - time.monotonic()))
        try:
            do(number)
        except BaseException as error:
            print(f"{do.__name__} {number}: {type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    children.append(child)
sys.exit(max(os.waitpid(child, 0)[1] for child in children) != 0)
"""


def test_every_case_counts_once_and_the_evidence_is_that_of_one_writer(
    log_url: str, gate: CalibratedGate, cohort: MakeTable, tmp_path: Path
) -> None:
    table = cohort(CASES, 6000)
    table["patient_id"] = (table["patient_id"].astype(int) % PATIENTS + 9000).astype(str)
    table["time"] = pd.NaT  # else a writer that comes late has cases that no monitor takes
    table.to_parquet(tmp_path / "table.parquet")
    gate.save(tmp_path / "calibration", by="a", reason="b")
    CaseLog(log_url).close()
    command = [sys.executable, "-c", AT_ONCE, log_url, str(tmp_path), str(WRITERS)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) == (0, "")
    with CaseLog(log_url) as log:
        # what came after the last of their draws, answers and runs
        log.draw_audits(0.7, 1, now=NOW)
        for case_id in log.pending_audits()["case_id"]:
            log.add_audit(case_id, dice_of(table, case_id), now=NOW)
        run_monitors(log, watched(gate), NOW)
        cases, rows = log.cases_after(), log.stream_rows()
        answers = log.answers_after(0, gate.id)
        found = saved_monitor(log, watched(gate))
        assert len(log.certificates()) == 1
    assert cases["sequence"].tolist() == list(range(1, CASES + 1))
    assert sorted(cases["case_id"]) == sorted(set(table["case_id"]))
    assert cases.loc[~cases["repeat"], "patient_id"].is_unique
    assert (~cases["repeat"]).sum() == PATIENTS
    assert (rows.groupby("case_id").size() == 3).all()
    assert answers["answer_number"].tolist() == list(range(1, len(answers) + 1))
    assert len(answers) > 3
    serial = one_by_one(tmp_path, gate, table, cases, answers["case_id"].tolist())
    assert found is not None
    for mine, its in zip(found, serial, strict=True):
        assert mine.watch.to_json() == its.watch.to_json()
        assert json.dumps(mine.evidence(), default=str) == json.dumps(its.evidence(), default=str)
        assert mine.watch.state().cases == PATIENTS


def dice_of(table: pd.DataFrame, case_id: str) -> dict[str, float]:
    return table[table["case_id"] == case_id].set_index("structure")["dice"].to_dict()


def one_by_one(
    folder: Path,
    gate: CalibratedGate,
    table: pd.DataFrame,
    cases: pd.DataFrame,
    answered: list[str],
) -> list:
    """Do in one process, in the same order, what the others did at once."""
    verdicts = gate.judge(table)
    with CaseLog(f"sqlite:///{folder}/serial.db") as log:
        for case_id in cases["case_id"]:
            rows = verdicts[verdicts["case_id"] == case_id]
            log.add(rows, table[table["case_id"] == case_id], gate_patients=gate.patients)
        log.draw_audits(0.7, 1, now=NOW)
        assert set(answered) == set(log.pending_audits()["case_id"])
        for case_id in answered:
            log.add_audit(case_id, dice_of(table, case_id), now=NOW)
        run_monitors(log, watched(gate), NOW)
        monitor = saved_monitor(log, watched(gate))
    assert monitor is not None
    return list(monitor)
