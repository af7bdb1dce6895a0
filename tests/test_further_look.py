import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.calibrators.looks import delta_of_look
from segqc_conformal.errors import CalibrationError
from segqc_conformal.further_look import look_again
from segqc_conformal.patients import pseudonym
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.recalibration import recalibrate, rollback

Cohort = Callable[..., pd.DataFrame]
Candidates = dict[str, Any]
WHO = {"by": "a physicist", "reason": "more patients were outlined"}


@pytest.fixture
def folder(tmp_path: Path, cohort: Cohort, cheap: Candidates) -> Path:
    gate = QualityGate(looks="many").calibrate(cohort(100), candidates=cheap)
    gate.save(tmp_path / "calibration")
    return tmp_path / "calibration"


@pytest.fixture
def table(cohort: Cohort) -> pd.DataFrame:
    """Give the patients of the first look, half of whom fitted, and 40 new ones."""
    return pd.concat([cohort(100), cohort(40, 100)], ignore_index=True)


def earlier_rows(folder: Path, table: pd.DataFrame) -> pd.Series:
    lineage = CalibrationFolder(folder).load().certificate.lineage
    return table["patient_id"].map(pseudonym).isin(lineage["calibration_patients"])


def test_a_further_look_counts_earlier_patients_again_at_its_share_of_delta(
    folder: Path, cohort: Cohort
) -> None:
    first = CalibrationFolder(folder).load()
    second = look_again(folder, pd.concat([cohort(100), cohort(100, 100)]), **WHO)
    assert CalibrationFolder(folder).active == second.id
    lineage = second.certificate.lineage
    assert (lineage["parent"], lineage["look"]) == (first.id, 2)
    assert lineage["fit_patients"] == first.certificate.lineage["fit_patients"]
    assert lineage["spent"]["delta_of_each"] == delta_of_look(0.9, "many", 2)
    assert lineage["spent"]["delta_of_each_so_far"] == pytest.approx(0.1 * (1 / 2 + 1 / 6))
    assert second.certificate.data["patients_calibration"] == 150
    assert second.certificate.data["patients_known_before"] == 50
    for entry in second.certificate.structures.values():
        assert (entry.accept.look, entry.accept.patients) == (2, 150)
        assert entry.accept.delta == delta_of_look(0.9, "many", 2)
        assert entry.certify_chances == {}
        assert "Look 2 spends 1.6667% of the 10%" in entry.accept.spent


def test_a_look_after_a_rollback_is_a_further_look_all_the_same(
    folder: Path, cohort: Cohort
) -> None:
    first = CalibrationFolder(folder).active
    both = pd.concat([cohort(100), cohort(50, 100)])
    look_again(folder, both, **WHO)
    rollback(folder, **WHO)
    third = look_again(folder, pd.concat([both, cohort(10, 150)]), **WHO).certificate
    assert third.lineage["look"] == 3
    assert (third.lineage["parent"], third.lineage["first_look"]) == (first, first)
    assert third.data["patients_calibration"] == 110


def test_looking_again_without_having_said_so_is_refused(
    tmp_path: Path, cohort: Cohort, cheap: Candidates
) -> None:
    QualityGate().calibrate(cohort(100), candidates=cheap).save(tmp_path / "one")
    with pytest.raises(CalibrationError, match='looks="many", declared before the first look'):
        look_again(tmp_path / "one", cohort(200), **WHO)


def test_patients_of_the_last_look_cannot_be_left_out(folder: Path, cohort: Cohort) -> None:
    with pytest.raises(CalibrationError, match="without 50 of them"):
        look_again(folder, cohort(100, 100), **WHO)


def test_patients_of_a_look_that_was_rolled_back_cannot_be_left_out(
    folder: Path, cohort: Cohort, table: pd.DataFrame
) -> None:
    look_again(folder, table, **WHO)
    rollback(folder, **WHO)
    with pytest.raises(CalibrationError, match="without 40 of them"):
        look_again(folder, pd.concat([cohort(100), cohort(40, 200)]), **WHO)
    changed = table.assign(dice=table["dice"].where(table["patient_id"] != "0139", 0.9))
    with pytest.raises(CalibrationError, match="3 of 270 rows missing or changed"):
        look_again(folder, pd.concat([changed, cohort(40, 200)]), **WHO)
    assert len(CalibrationFolder(folder).versions()) == 2


def test_a_label_of_an_earlier_patient_cannot_be_taken_away(
    folder: Path, table: pd.DataFrame
) -> None:
    bad = (table["structure"] == "anterior") & (table["dice"] <= 0.8) & earlier_rows(folder, table)
    table.loc[bad, "dice"] = np.nan
    # the row itself, and that of its whole case
    with pytest.raises(CalibrationError, match=f"{2 * bad.sum()} of 150 rows missing or changed"):
        look_again(folder, table, **WHO)


def test_the_smallest_change_of_an_earlier_label_is_refused(
    folder: Path, table: pd.DataFrame
) -> None:
    best = table["dice"].where(earlier_rows(folder, table) & (table["dice"] < 1)).idxmax()
    case = table["case_id"] == table.loc[best, "case_id"]
    assert table.loc[case, "dice"].nunique() == 2
    table.loc[best, "dice"] = np.nextafter(table.loc[best, "dice"], 1.0)
    with pytest.raises(CalibrationError, match="1 of 150 rows missing or changed"):
        look_again(folder, table, **WHO)


def test_an_earlier_visit_cannot_take_the_place_of_the_case_that_counted(
    folder: Path, table: pd.DataFrame
) -> None:
    visits = table[earlier_rows(folder, table)][:6]
    before = visits.assign(
        case_id="v" + visits["case_id"], time=visits["time"] - pd.Timedelta(days=900), dice=0.95
    )
    with pytest.raises(CalibrationError, match="9 of 150 rows missing or changed"):
        look_again(folder, pd.concat([table, before]), **WHO)
    later = before.assign(time=visits["time"] + pd.Timedelta(days=900))
    again = look_again(folder, pd.concat([table, later]), **WHO)
    assert again.certificate.data["patients_calibration"] == 90


@pytest.mark.parametrize("other", ["posterior_too", "hilus"])
def test_an_earlier_row_cannot_be_given_to_another_structure(
    folder: Path, table: pd.DataFrame, other: str
) -> None:
    renamed = earlier_rows(folder, table) & (table["structure"] == "anterior")
    table.loc[renamed, "structure"] = other
    with pytest.raises(CalibrationError, match="100 of 150 rows missing or changed"):
        look_again(folder, table, **WHO)


def test_an_earlier_patient_cannot_change_its_group(
    tmp_path: Path, cohort: Cohort, cheap: Candidates, table: pd.DataFrame
) -> None:
    gate = QualityGate(looks="many", groups="site").calibrate(cohort(100), candidates=cheap)
    gate.save(tmp_path / "one")
    earlier = table.loc[earlier_rows(tmp_path / "one", table), "patient_id"]
    moved = table["patient_id"] == earlier.iloc[0]
    swapped = table["site"].map({"A": "B", "B": "A"})
    with pytest.raises(CalibrationError, match="3 of 150 rows missing or changed"):
        look_again(tmp_path / "one", table.assign(site=table["site"].where(~moved, swapped)), **WHO)
    second = look_again(tmp_path / "one", table, **WHO)
    assert second.certificate.data["patients_calibration"] == 90


def test_patients_of_a_version_that_is_no_look_of_these_are_left_out_and_counted(
    folder: Path, cohort: Cohort, table: pd.DataFrame
) -> None:
    other = recalibrate(folder, cohort(60, 1000), **WHO)
    assert other.certificate.lineage["first_look"] is None
    rollback(folder, **WHO)
    data = look_again(folder, pd.concat([table, cohort(60, 1000)]), **WHO).certificate.data
    assert (data["patients_known_before"], data["patients_calibration"]) == (110, 90)


def test_looks_after_a_recalibration_are_looks_at_its_patients(
    folder: Path, cohort: Cohort, table: pd.DataFrame
) -> None:
    look_again(folder, table, **WHO)
    other = recalibrate(folder, cohort(60, 1000), **WHO)
    both = pd.concat([table, cohort(60, 1000), cohort(20, 2000)])
    second = look_again(folder, both, **WHO).certificate
    assert (second.lineage["first_look"], second.lineage["look"]) == (other.id, 2)
    assert second.data["patients_known_before"] == 140
    assert second.data["patients_calibration"] == 80


def test_after_few_patients_who_all_fitted_only_new_ones_calibrate(
    tmp_path: Path, cohort: Cohort, cheap: Candidates
) -> None:
    gate = QualityGate(looks="many").calibrate(cohort(30), candidates=cheap)
    gate.save(tmp_path / "one")
    second = look_again(tmp_path / "one", pd.concat([cohort(30), cohort(60, 100)]), **WHO)
    lineage, data = second.certificate.lineage, second.certificate.data
    assert (lineage["first_look"], lineage["look"]) == (gate.id, 2)
    assert (data["patients_known_before"], data["patients_calibration"]) == (30, 60)
    third = look_again(
        tmp_path / "one", pd.concat([cohort(30), cohort(60, 100), cohort(9, 200)]), **WHO
    )
    assert third.certificate.lineage["look"] == 3
    assert third.certificate.data["patients_calibration"] == 69


def test_the_certificate_of_a_further_look_follows_the_schema(
    folder: Path, table: pd.DataFrame
) -> None:
    text = files("segqc_conformal").joinpath("certificate.schema.json").read_text()
    certificate = look_again(folder, table, **WHO).certificate
    fields = json.loads(certificate.to_json())
    check = jsonschema.Draft202012Validator(json.loads(text))
    check.validate(fields)
    fields["lineage"]["first_look"] = "1"
    assert not check.is_valid(fields)


def test_a_look_without_new_patients_is_refused(folder: Path, cohort: Cohort) -> None:
    with pytest.raises(CalibrationError, match="new patients beside those of the looks so far"):
        look_again(folder, cohort(100), **WHO)


def test_patients_whose_labels_taught_a_feature_are_in_no_look(
    folder: Path, cohort: Cohort
) -> None:
    taught = cohort(100, 100).assign(fit_patient=True)
    known = cohort(100).assign(fit_patient=False)
    with pytest.raises(CalibrationError, match="new patients beside those of the looks so far"):
        look_again(folder, pd.concat([known, taught]), **WHO)
