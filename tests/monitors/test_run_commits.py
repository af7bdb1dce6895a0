from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case_log import CaseLog
from segqc_conformal.errors import InputError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors import run_monitors, watched

MakeTable = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_what_cannot_be_told_is_not_committed_and_the_next_run_goes_on(
    gate: CalibratedGate, cohort: MakeTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    table, folder = cohort(30, 5000), CalibrationFolder(tmp_path / "calibration")
    folder.add(gate, by="a", reason="b")
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(gate.judge(table), table, gate_patients=gate.patients)
        with monkeypatch.context() as patched:
            patched.setattr(CalibrationFolder, "publish", full)
            with pytest.raises(OSError, match="no space"):
                run_monitors(log, watched(gate), NOW, folder=folder)
        begun = log.monitor_state("version", gate.id)
        assert begun is not None
        assert begun.cursor == 0
        assert log.events().empty
        assert folder.standings(gate.id) == ()
        # told, but cut off before the commit: the next run is of the same log and goes on
        with monkeypatch.context() as patched:
            patched.setattr(CalibrationFolder, "_note", full)
            with pytest.raises(OSError, match="no space"):
                run_monitors(log, watched(gate), NOW + timedelta(hours=1), folder=folder)
        run_monitors(log, watched(gate), NOW + timedelta(hours=2), folder=folder)
        done = log.monitor_state("version", gate.id)
        assert done is not None
        assert done.cursor == 30
    assert [each.state for each in folder.standings(gate.id)] == ["OK"]


def test_a_run_told_and_cut_off_before_the_commit_is_repeated(
    log_url: str, gate: CalibratedGate, cohort: MakeTable, tmp_path: Path
) -> None:
    class CutOff(CalibrationFolder):
        def publish(self, *arguments: object, **named: object) -> None:
            super().publish(*arguments, **named)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    table, path = cohort(120, 6000), tmp_path / "calibration"
    table["feature_agreement"] *= 0.5
    CalibrationFolder(path).add(gate, by="a", reason="b")
    with CaseLog(log_url) as log:
        log.add(gate.judge(table), table, gate_patients=gate.patients)
        with pytest.raises(KeyboardInterrupt):
            run_monitors(log, watched(gate), NOW, folder=CutOff(path), notify=True)
        assert log.events().empty
        assert log.due_notices(NOW) == []
        # verdicts are ahead, never behind
        assert [each.state for each in CalibrationFolder(path).standings(gate.id)] == ["WATCH"]
        found = run_monitors(log, watched(gate), NOW, folder=CalibrationFolder(path), notify=True)
        assert found.status == "alarm"
        assert log.events()["kind"].tolist() == ["state_changed"]
        assert len(log.due_notices(NOW)) == 1


def test_a_log_that_is_refused_keeps_nothing_of_the_run(
    gate: CalibratedGate, cohort: MakeTable, tmp_path: Path
) -> None:
    folder, table = CalibrationFolder(tmp_path / "calibration"), cohort(30, 5000)
    folder.add(gate, by="a", reason="b")
    logs = [CaseLog(f"sqlite:///{tmp_path}/{name}.db") for name in ("right", "wrong")]
    for log in logs:
        log.add(gate.judge(table), table)
    run_monitors(logs[0], watched(gate), NOW, folder=folder)
    with pytest.raises(InputError, match="another log"):
        run_monitors(logs[1], watched(gate), NOW + timedelta(days=1), folder=folder)
    assert logs[1].monitor_state("version", gate.id) is None
    assert logs[1].ledger().empty
    for log in logs:
        log.close()
