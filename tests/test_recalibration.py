from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.calibration_rows import hashed_patients
from segqc_conformal.errors import CalibrationError, IdentityError, InputError, SegqcError
from segqc_conformal.features.table import check_feature_table
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.recalibration import recalibrate, rollback, status

Cohort = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WHO = {"by": "ann", "reason": "new scanner"}


@pytest.fixture
def folder(gate: CalibratedGate, tmp_path: Path) -> Path:
    gate.save(tmp_path / "calibration", by="ann", reason="first", now=NOW)
    return tmp_path / "calibration"


def test_a_recalibrated_gate_keeps_the_predictor_and_names_its_parent(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    worse = cohort(60, 1000).assign(dice=lambda rows: rows["dice"] * 0.8)
    fresh = recalibrate(folder, worse, **WHO, now=NOW)
    new = check_feature_table(cohort(20, 5000))
    for mine, its in zip(fresh.quality.predict(new), gate.quality.predict(new), strict=True):
        assert mine.tobytes() == its.tobytes()
    lineage = fresh.certificate.lineage
    assert lineage["parent"] == gate.id
    assert lineage["fit_patients"] == gate.certificate.lineage["fit_patients"]
    assert lineage["calibration_patients"] == hashed_patients(worse)
    assert fresh.certificate.settings == gate.certificate.settings
    for name, entry in fresh.certificate.structures.items():
        old = gate.certificate.structures[name]
        assert entry.interval.patients == 60
        assert entry.interval.quantile > old.interval.quantile
    assert CalibratedGate.load(folder).id == fresh.id
    assert gate.id in CalibrationFolder(folder).versions()
    assert (fresh.judge(cohort(5, 5000))["calibration"] == fresh.id).all()


def test_a_recalibration_cut_off_before_the_switch_can_be_done_again(
    folder: Path, cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(CalibrationFolder, "activate", cut_off)
        with pytest.raises(KeyboardInterrupt):
            recalibrate(folder, cohort(40, 1000), **WHO, now=NOW)
    assert len(CalibrationFolder(folder).versions()) == 2
    fresh = recalibrate(folder, cohort(40, 1000), **WHO, now=NOW)
    assert CalibrationFolder(folder).active == fresh.id
    assert len(CalibrationFolder(folder).versions()) == 2


def test_patients_that_fitted_or_calibrated_before_are_left_out_and_counted(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    table = pd.concat([cohort(200), cohort(40, 1000)], ignore_index=True)
    # the cases of known patients are new ones
    table["case_id"] = "later-" + table["case_id"]
    fresh = recalibrate(folder, table, **WHO)
    data = fresh.certificate.data
    assert (data["patients_known_before"], data["patients_calibration"]) == (200, 40)
    with pytest.raises(CalibrationError, match="at least 9 fresh"):
        recalibrate(folder, table, **WHO)
    third = recalibrate(folder, pd.concat([table, cohort(9, 2000)]), **WHO)
    assert third.certificate.lineage["parent"] == fresh.id
    assert third.certificate.data["patients_known_before"] == 240


@pytest.mark.parametrize(("patients", "enough"), [(0, False), (1, False), (8, False), (9, True)])
def test_too_few_fresh_patients_are_refused_with_a_number(
    gate: CalibratedGate, folder: Path, cohort: Cohort, patients: int, enough: bool
) -> None:
    table = pd.concat([cohort(20), cohort(patients, 1000)], ignore_index=True)
    if enough:
        recalibrate(folder, table, **WHO)
        return
    too_few = f"received {patients}; .*{9 - patients} more patients"
    with pytest.raises(CalibrationError, match=too_few):
        recalibrate(folder, table, **WHO)
    assert CalibratedGate.load(folder).id == gate.id


def test_patients_without_every_structure_are_not_enough(folder: Path, cohort: Cohort) -> None:
    table = cohort(30, 1000)
    with pytest.raises(CalibrationError, match="with every structure"):
        recalibrate(folder, table[table["structure"] == "anterior"], **WHO)


def test_a_pac_interval_needs_more(cohort: Cohort, cheap: dict, tmp_path: Path) -> None:
    QualityGate(interval_confidence=0.9).calibrate(cohort(60), candidates=cheap).save(tmp_path)
    with pytest.raises(CalibrationError, match="at least 22 fresh"):
        recalibrate(tmp_path, cohort(21, 1000), **WHO)
    recalibrate(tmp_path, cohort(22, 1000), **WHO)


@pytest.mark.parametrize("column", ["model_id", "sampler_id", "schema_version", "judged"])
def test_another_identity_is_refused(folder: Path, cohort: Cohort, column: str) -> None:
    table = cohort(30, 1000)
    with pytest.raises(IdentityError, match="other"):
        recalibrate(folder, table.assign(**{column: "other"}), **WHO)
    table.loc[0, column] = "other"
    with pytest.raises(IdentityError, match=column):
        recalibrate(folder, table, **WHO)


def test_a_missing_feature_is_named(folder: Path, cohort: Cohort) -> None:
    with pytest.raises(InputError, match="feature_noise"):
        recalibrate(folder, cohort(30, 1000).drop(columns="feature_noise"), **WHO)


def test_an_unknown_structure_calibrates_nothing(folder: Path, cohort: Cohort) -> None:
    table = cohort(30, 1000, structures=("anterior", "posterior", "hilus"))
    fresh = recalibrate(folder, table, **WHO)
    assert set(fresh.certificate.structures) == {"anterior", "posterior", "whole_case"}
    assert fresh.certificate.structures["whole_case"].interval.patients == 30


def test_repeat_visits_of_a_fresh_patient_count_once(folder: Path, cohort: Cohort) -> None:
    table = cohort(30, 1000)
    later = table.assign(
        case_id="b" + table["patient_id"], time=table["time"] + pd.Timedelta(days=900), dice=0.01
    )
    fresh = recalibrate(folder, pd.concat([later, table], ignore_index=True), **WHO)
    calibration = fresh.profile[fresh.profile["role"] == "calibration"]
    assert calibration["case"].nunique() == 30
    assert not (calibration["dice"] == 0.01).any()


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("ann", ""), ("  ", "x"), ("ann", "\n")])
def test_who_and_why_must_be_said(folder: Path, cohort: Cohort, by: str, reason: str) -> None:
    with pytest.raises(InputError, match="a name and a reason"):
        recalibrate(folder, cohort(30, 1000), by=by, reason=reason)
    with pytest.raises(InputError, match="a name and a reason"):
        rollback(folder, by=by, reason=reason)
    assert len(CalibrationFolder(folder).history()) == 1


def test_rollback_goes_to_the_parent_and_by_prefix(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    second = recalibrate(folder, cohort(30, 1000), **WHO, now=NOW)
    third = recalibrate(folder, cohort(30, 2000), **WHO, now=NOW)
    assert rollback(folder, by="bob", reason="worse", now=NOW) == second.id
    assert CalibratedGate.load(folder).id == second.id
    assert rollback(folder, by="bob", reason="worse still", now=NOW) == gate.id
    with pytest.raises(InputError, match="exactly one earlier version"):
        rollback(folder, by="bob", reason="before the first")
    assert rollback(folder, by="bob", reason="better", to=third.id[:10], now=NOW) == third.id
    state = status(folder)
    assert state.active == third.id
    assert set(state.versions) == {gate.id, second.id, third.id}
    assert [
        (switch.action, switch.version, switch.by, switch.reason) for switch in state.history
    ] == [
        ("calibrate", gate.id, "ann", "first"),
        ("recalibrate", second.id, "ann", "new scanner"),
        ("recalibrate", third.id, "ann", "new scanner"),
        ("rollback", second.id, "bob", "worse"),
        ("rollback", gate.id, "bob", "worse still"),
        ("rollback", third.id, "bob", "better"),
    ]
    assert {switch.at for switch in state.history} == {"2026-11-23T08:00:00+00:00"}
    assert (
        state.promises["whole_case"]["accept"]
        == third.certificate.structures["whole_case"].accept.promise
    )


@pytest.mark.parametrize("to", ["", "zz", "0" * 64, "../", "."])
def test_an_unknown_version_is_refused_and_nothing_is_switched(folder: Path, to: str) -> None:
    with pytest.raises(InputError, match="exactly one earlier version"):
        rollback(folder, by="bob", reason="x", to=to)
    assert len(CalibrationFolder(folder).history()) == 1


def test_rollback_to_a_damaged_version_is_refused(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    second = recalibrate(folder, cohort(30, 1000), **WHO)
    (folder / gate.id / "profile.parquet").write_bytes(b"PAR1")
    with pytest.raises(SegqcError):
        rollback(folder, by="bob", reason="x", to=gate.id)
    assert CalibratedGate.load(folder).id == second.id
    with pytest.raises(SegqcError):
        status(folder)


def test_status_of_a_folder_whose_version_is_gone_is_a_typed_error(
    gate: CalibratedGate, folder: Path
) -> None:
    (folder / gate.id).rename(folder.parent / "elsewhere")
    with pytest.raises(SegqcError):
        status(folder)


def test_unlabelled_patients_set_the_grid_and_no_fresh_label_does(
    folder: Path, cohort: Cohort, tmp_path: Path, gate: CalibratedGate
) -> None:
    others = cohort(40, 3000).assign(dice=np.nan)
    labelled = cohort(60, 1000)
    gate.save(tmp_path / "twin")
    spoiled = labelled.assign(dice=(labelled["dice"] * 7.3) % 1.0)
    grids = [
        {
            name: entry.accept.grid
            for name, entry in recalibrate(
                where, pd.concat([rows, others]), **WHO
            ).certificate.structures.items()
        }
        for where, rows in ((folder, labelled), (tmp_path / "twin", spoiled))
    ]
    assert grids[0] == grids[1]
    assert all(grids[0][name] != gate.certificate.structures[name].accept.grid for name in grids[0])


def test_patients_whose_labels_taught_a_feature_never_calibrate(
    folder: Path, cohort: Cohort
) -> None:
    taught, fresh = cohort(60, 1000), cohort(30, 2000)
    table = pd.concat([taught.assign(fit_patient=True), fresh.assign(fit_patient=False)])
    gate = recalibrate(folder, table, **WHO)
    assert gate.certificate.lineage["calibration_patients"] == hashed_patients(fresh)
    assert gate.certificate.data["patients_known_before"] == 60
    with pytest.raises(CalibrationError, match="received 0"):
        recalibrate(folder, taught.assign(fit_patient="True"), **WHO)
