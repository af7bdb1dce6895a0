from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case_log import CaseLog
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.ledger import ledger
from segqc_conformal.monitors import run_monitors, watched
from segqc_conformal.quality_gate import QualityGate

NOW = datetime(2040, 1, 1, tzinfo=UTC)


def test_certificates_and_monitors_are_added_up(
    gate: CalibratedGate, cohort: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "calibration"
    CalibrationFolder(folder).add(gate, by="a", reason="b")
    spent = ledger(folder)
    assert spent["what"].tolist() == ["3 accept promises, look 1"]
    assert spent["spent"].tolist() == pytest.approx([0.3])
    table = cohort(30, 5000)
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        assert ledger(folder, log).equals(spent)
        log.add(gate.judge(table), table, gate_patients=gate.patients)
        run_monitors(log, watched(gate), NOW)
        both = ledger(folder, log)
    monitors = both[both["what"] != "3 accept promises, look 1"].set_index("what")["spent"]
    assert monitors.to_dict() == {
        "false WATCH": 0.05,
        "calibration behind the test of coverage": 0.05,
    }


def test_a_family_and_pac_intervals_are_counted_as_they_were_spent(
    cohort: Any, cheap: dict[str, Any], tmp_path: Path
) -> None:
    settings = QualityGate(family="all", interval_confidence=0.9)
    CalibrationFolder(tmp_path).add(
        settings.calibrate(cohort(200), candidates=cheap), by="a", reason="b"
    )
    spent = ledger(tmp_path).set_index("what")["spent"]
    assert spent["3 accept promises, look 1"] == pytest.approx(0.1, abs=1e-3)
    assert spent["3 PAC intervals"] == pytest.approx(0.1, abs=1e-3)


def test_what_the_certificate_spent_counts_where_only_monitors_are_in_the_log(
    gate: CalibratedGate, cohort: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "calibration"
    CalibrationFolder(folder).add(gate, by="a", reason="b")
    table = cohort(30, 5000)
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(gate.judge(table), table, gate_patients=gate.patients)
        run_monitors(log, watched(gate), NOW)
        assert log.certificates().empty
        alone = ledger(folder, log)
        log.keep_certificate(gate.certificate, now=NOW)
        kept = ledger(folder, log)
    assert "3 accept promises, look 1" in set(alone["what"])
    columns = ["version", "segment", "what", "spent"]
    assert sorted(map(tuple, alone[columns].to_numpy())) == sorted(
        map(tuple, kept[columns].to_numpy())
    )
