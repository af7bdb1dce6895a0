from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.calibration_rows import hashed_patients
from segqc_conformal.errors import CalibrationError, InputError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.ledger import ledger
from segqc_conformal.recalibration import recalibrate, rollback
from segqc_conformal.shadow_check import shadow_check, shadow_patients

Cohort = Callable[..., pd.DataFrame]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WHO = {"by": "ann", "reason": "new scanner"}


@pytest.fixture
def folder(gate: CalibratedGate, tmp_path: Path) -> Path:
    gate.save(tmp_path / "calibration", by="ann", reason="first", now=NOW)
    return tmp_path / "calibration"


def test_one_in_five_of_a_hundred_patients_calibrates_nothing_and_is_known_afterwards(
    folder: Path, cohort: Cohort
) -> None:
    table = cohort(100, 1000)
    kept = shadow_patients(table["patient_id"], seed=0)
    fresh = recalibrate(folder, table, **WHO, now=NOW)
    lineage = fresh.certificate.lineage
    assert fresh.certificate.data["patients_calibration"] == 80
    assert lineage["shadow_patients"] == hashed_patients(table[table["patient_id"].isin(kept)])
    assert not set(lineage["shadow_patients"]) & set(lineage["calibration_patients"])
    assert CalibratedGate.load(folder).certificate == fresh.certificate
    with pytest.raises(CalibrationError, match="at least 9 fresh"):
        recalibrate(folder, table.assign(case_id="again-" + table["case_id"]), **WHO, now=NOW)


def test_labels_that_do_not_fit_their_features_are_vetoed_and_nothing_is_switched(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    table = cohort(100, 1000)
    of_shadow = table["patient_id"].isin(shadow_patients(table["patient_id"], seed=0))
    # as if a part of the labels had come from another population
    table.loc[of_shadow, "dice"] = 0.1
    with pytest.raises(CalibrationError, match="miscoverage of"):
        recalibrate(folder, table, **WHO, now=NOW)
    versions = CalibrationFolder(folder)
    assert versions.active == gate.id
    assert [each.action for each in versions.history()] == ["calibrate", "veto"]
    # its patients have been looked at: leaving out those that spoke against it does not help
    with pytest.raises(CalibrationError, match="at least 9 fresh labelled patients"):
        recalibrate(folder, table[~of_shadow], **WHO, now=NOW)
    vetoed = versions.history()[-1].version
    with pytest.raises(InputError, match="a version that was not vetoed"):
        rollback(folder, **WHO, to=vetoed)
    assert ledger(folder)["version"].tolist().count(vetoed) == 1


def test_a_gate_that_accepts_bad_masks_is_vetoed_by_the_accepted_error(
    gate: CalibratedGate, cohort: Cohort
) -> None:
    table = cohort(60, 3000)
    shadow_check(gate, table)
    accepted = gate.judge(table).query("structure == 'posterior' and accept")["case_id"]
    bad = table["case_id"].isin(accepted) & (table["structure"] == "posterior")
    table.loc[bad, "dice"] = 0.8
    with pytest.raises(
        CalibrationError, match=r"accepted error of posterior: \d+ of \d+ \(at most 0.1"
    ):
        shadow_check(gate, table)


def test_a_sound_version_is_rarely_vetoed(gate: CalibratedGate, cohort: Cohort) -> None:
    # Binomial(60, .02 + .1): the accept promises alone may fail in one of ten calibrations
    vetoes = 0
    for first in range(60):
        try:
            shadow_check(gate, cohort(20, 10_000 + 20 * first))
        except CalibrationError:
            vetoes += 1
    assert vetoes <= 2


def test_a_recalibration_too_soon_after_the_last_one_is_refused(
    folder: Path, cohort: Cohort
) -> None:
    recalibrate(folder, cohort(40, 1000), **WHO, now=NOW, cooldown_days=7)
    soon, later = NOW + timedelta(days=6), NOW + timedelta(days=7)
    with pytest.raises(CalibrationError, match="7 days since the last recalibration"):
        recalibrate(folder, cohort(40, 2000), **WHO, now=soon, cooldown_days=7)
    recalibrate(folder, cohort(40, 2000), **WHO, now=later, cooldown_days=7)
