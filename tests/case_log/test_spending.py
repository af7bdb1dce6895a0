import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.case_log import CaseLog, SavedMonitor, StoredIds
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.ledger import ledger
from segqc_conformal.monitors import run_monitors, watched

MakeTable = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_the_log_alone_tells_what_was_promised_and_spent(
    log_url: str, gate: CalibratedGate, cohort: MakeTable
) -> None:
    table = cohort(30, 5000)
    with CaseLog(log_url) as log:
        log.keep_certificate(gate.certificate, now=NOW)
        assert log.certificates().empty  # it judged nothing here yet
        log.add(gate.judge(table), table, gate_patients=gate.patients)
        log.keep_certificate(gate.certificate, now=NOW)
        log.keep_certificate(gate.certificate, now=NOW + timedelta(days=1))
        run_monitors(log, watched(gate), NOW)
        (kept,) = log.certificates().to_dict("records")
        spent = log.ledger()
    assert kept["calibration"] == gate.id == sha256_hex(kept["certificate"].encode())
    assert kept["first_seen"] == pd.Timestamp(NOW)
    assert GateCertificate.from_json(kept["certificate"]) == gate.certificate
    assert set(spent["calibration"]) == {gate.id}
    assert set(spent["time"]) == {pd.Timestamp(NOW)}
    assert dict(zip(spent["what"], spent["spent"], strict=True)) == {
        "3 accept promises, look 1": pytest.approx(0.3),
        "calibration behind the test of coverage": 0.05,
        "false WATCH": 0.05,
    }


def test_the_ledger_goes_on_with_the_monitors_and_says_since_when(log_url: str) -> None:
    later = NOW + timedelta(days=1)
    one, two = SavedMonitor(1, "{}"), SavedMonitor(2, "{}")
    with CaseLog(log_url) as log:
        spent = {"A": {"false WATCH": 0.05}, "B": {"false WATCH": 0.05}}
        log.commit_monitor("version", "f00d", one, previous=None, spent=spent, now=NOW)
        spent = {"A": {"false WATCH": 0.1, "wrong BENIGN": 0.05}, "B": {"false WATCH": 0.05}}
        log.commit_monitor("version", "f00d", two, previous=one, spent=spent, now=later)
        found = log.ledger()
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        ("f00d", "A", "false WATCH", 0.1, pd.Timestamp(later)),
        ("f00d", "A", "wrong BENIGN", 0.05, pd.Timestamp(later)),
        ("f00d", "B", "false WATCH", 0.05, pd.Timestamp(NOW)),
    ]


def test_versions_that_the_log_has_not_met_are_read_from_the_folder(
    gate: CalibratedGate, cohort: MakeTable, tmp_path: Path
) -> None:
    folder = tmp_path / "calibration"
    CalibrationFolder(folder).add(gate, by="a", reason="b")
    of_folder = ledger(folder)
    table = cohort(5, 5000)
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        assert ledger(folder, log).equals(of_folder)
        log.add(gate.judge(table), table, gate_patients=gate.patients)
        log.keep_certificate(gate.certificate, now=NOW)
        assert ledger(folder, log).equals(of_folder)
        assert log.ledger()["spent"].tolist() == of_folder["spent"].tolist()


def test_where_ids_are_hashed_a_certificate_is_kept_without_those_it_holds(
    gate: CalibratedGate, cohort: MakeTable, tmp_path: Path
) -> None:
    table, url = cohort(5, 5000), f"sqlite:///{tmp_path}/log.db"
    with CaseLog(url, ids=StoredIds(b"the salt of this hospital")) as log:
        log.add(gate.judge(table), table, gate_patients=gate.patients)
    with CaseLog(url) as log:  # as the monitors do, who need no salt
        log.keep_certificate(gate.certificate, now=NOW)
        text = log.certificates()["certificate"].iloc[0]
    whole, kept = json.loads(gate.certificate.to_json()), json.loads(text)
    gone = {"fit_patients", "calibration_patients"}
    assert set(whole["lineage"]) - set(kept["lineage"]) == gone
    assert set(whole["data"]) - set(kept["data"]) == {"faults"}
    assert kept["structures"] == whole["structures"]
    assert not any(patient in text for patient in gate.patients)
