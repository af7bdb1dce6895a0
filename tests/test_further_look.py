from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.calibrators.looks import delta_of_look
from segqc_conformal.errors import CalibrationError
from segqc_conformal.further_look import look_again
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.recalibration import rollback

Cohort = Callable[..., pd.DataFrame]
Candidates = dict[str, Any]
WHO = {"by": "a physicist", "reason": "more patients were outlined"}


@pytest.fixture
def folder(tmp_path: Path, cohort: Cohort, cheap: Candidates) -> Path:
    gate = QualityGate(looks="many").calibrate(cohort(100), candidates=cheap)
    gate.save(tmp_path / "calibration")
    return tmp_path / "calibration"


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
        assert entry.certify_chances
        assert "Look 2 spends 1.6667% of the 10%" in entry.accept.spent


def test_a_look_after_a_rollback_is_a_further_look_all_the_same(
    folder: Path, cohort: Cohort
) -> None:
    look_again(folder, cohort(150), **WHO)
    rollback(folder, **WHO)
    assert look_again(folder, cohort(160), **WHO).certificate.lineage["look"] == 3


def test_looking_again_without_having_said_so_is_refused(
    tmp_path: Path, cohort: Cohort, cheap: Candidates
) -> None:
    QualityGate().calibrate(cohort(100), candidates=cheap).save(tmp_path / "one")
    with pytest.raises(CalibrationError, match='looks="many", declared before the first look'):
        look_again(tmp_path / "one", cohort(200), **WHO)


def test_patients_of_the_last_look_cannot_be_left_out(folder: Path, cohort: Cohort) -> None:
    with pytest.raises(CalibrationError, match="without 50 of them"):
        look_again(folder, cohort(100, 100), **WHO)
