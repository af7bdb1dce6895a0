import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.calibration_rows import hashed_patients
from segqc_conformal.calibrators.domain_odds import domain_odds
from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.calibrators.weighted_quantile import score_features
from segqc_conformal.case_log import CaseLog
from segqc_conformal.errors import CalibrationError, IdentityError, InputError
from segqc_conformal.further_look import look_again
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.monitors import run_monitors, start_watch
from segqc_conformal.monitors.segments import watched
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.recalibration import recalibrate, rollback
from segqc_conformal.reports.drift_report import write_drift_report
from segqc_conformal.reweighting import reweight

Cohort = Callable[..., pd.DataFrame]
WHO = {"by": "ann", "reason": "new scanner, no labels yet"}


@pytest.fixture
def folder(gate: CalibratedGate, tmp_path: Path) -> Path:
    gate.save(tmp_path / "calibration")
    return tmp_path / "calibration"


def harder(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the patients whose masks agree less: another mixture, the same relation to Dice."""
    low = table.groupby("case_id")["feature_agreement"].transform("min") < 0.8
    return table[low].reset_index(drop=True)


def test_a_weighted_version_has_intervals_and_refers_every_case(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    new = harder(cohort(300, 1000))
    fresh = reweight(folder, new.drop(columns="dice"), **WHO)
    lineage = fresh.certificate.lineage
    assert lineage["parent"] == gate.id
    assert lineage["new_patients"] == hashed_patients(new)
    assert lineage["calibration_patients"] == gate.certificate.lineage["calibration_patients"]
    assert fresh.certificate.spent.startswith("Spent: nothing")
    loaded, later = CalibratedGate.load(folder), cohort(40, 9000)
    assert loaded.id == fresh.id
    verdicts = loaded.judge(later)
    pd.testing.assert_frame_equal(verdicts, fresh.judge(later))
    assert set(verdicts["reason"]) == {"cannot_certify"}
    assert verdicts["dice_high"].sub(verdicts["dice_low"]).between(0.01, 0.9).mean() > 0.9
    assert (verdicts[["p_above_low", "p_above_high"]] == [0.0, 1.0]).all(axis=None)
    for entry in fresh.certificate.structures.values():
        assert entry.interval.promise.startswith("Approximate, because the weights were estimated")
        assert "No label of the new population was seen" in entry.interval.promise
        assert entry.interval.weighted.effective_patients < entry.interval.patients
    assert CalibrationFolder(folder).history()[-1].action == "reweight"


def test_labels_in_the_table_are_not_read(
    gate: CalibratedGate, folder: Path, cohort: Cohort, tmp_path: Path
) -> None:
    gate.save(tmp_path / "other")
    new = cohort(60, 1000)
    with_labels = reweight(folder, new, **WHO)
    assert reweight(tmp_path / "other", new.assign(dice=0.5), **WHO).id == with_labels.id


def test_without_a_shift_intervals_are_nearly_those_of_the_parent(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    fresh, later = reweight(folder, cohort(1000, 1000), **WHO), cohort(100, 9000)
    before, after = (each.judge(later) for each in (gate, fresh))
    assert np.median(np.abs(before["dice_low"] - after["dice_low"])) < 0.03


def test_monitors_compare_with_the_new_patients_and_test_no_promise_on_labels(
    folder: Path, cohort: Cohort
) -> None:
    fresh = reweight(folder, harder(cohort(300, 1000)), **WHO)
    new = fresh.profile[fresh.profile["role"] == "new"]
    assert new["dice"].isna().all()
    pd.testing.assert_frame_equal(fresh.compared_with, new)
    (segment,) = watched(fresh).segments
    assert (segment.tolerated_error, segment.coverage) == (None, None)
    assert "weighted" in segment.no_coverage
    # as if the new patients had been the calibration patients
    only_new = fresh.profile[fresh.profile["role"] != "calibration"]
    only_new = only_new.assign(role=only_new["role"].replace("new", "calibration"))
    watch, alike = (start_watch(profile, seed=3) for profile in (fresh.profile, only_new))
    assert watch.to_json() == alike.to_json()
    assert set(fresh.patients) >= set(fresh.certificate.lineage["new_patients"])


def test_fresh_labels_recalibrate_afterwards_and_a_rollback_goes_back(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    first = reweight(folder, cohort(60, 1000), **WHO)
    second = reweight(folder, cohort(60, 2000), **WHO)
    assert second.certificate.lineage["parent"] == first.id
    assert (second.profile["role"] == "new").sum() == 60 * 3
    labelled = recalibrate(folder, cohort(60, 1000), **WHO)
    assert labelled.certificate.data["patients_calibration"] == 60
    assert not labelled.certificate.reweighted
    assert rollback(folder, **WHO) == second.id
    gate.save(folder)  # the first calibration again, which looks at nothing new
    assert CalibrationFolder(folder).active == gate.id


def test_without_its_parent_a_weighted_version_keeps_its_patients_from_calibrating_again(
    folder: Path, cohort: Cohort, cheap: Any, tmp_path: Path
) -> None:
    weighted = reweight(folder, cohort(60, 1000), **WHO)
    weighted.save(tmp_path / "elsewhere")
    again = QualityGate(tolerated_error=0.2).calibrate(cohort(200), candidates=cheap)
    with pytest.raises(CalibrationError, match="already calibrated version"):
        again.save(tmp_path / "elsewhere")


def test_a_weighted_version_whose_intervals_nothing_tests_becomes_stale(
    folder: Path, cohort: Cohort, tmp_path: Path
) -> None:
    weighted, new = reweight(folder, cohort(60, 1000), **WHO), cohort(30, 3000)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(weighted.judge(new), new)
        first = run_monitors(log, watched(weighted), start)
        late = run_monitors(log, watched(weighted), start + timedelta(days=90))
    assert first.segments[0].standing.state == "OK"
    assert (late.status, late.segments[0].standing.state) == ("not_enough_evidence", "STALE")
    assert "no audit can test intervals" in " ".join(late.segments[0].standing.reasons)


def test_the_drift_report_says_with_whom_it_compares(
    folder: Path, cohort: Cohort, tmp_path: Path
) -> None:
    weighted = reweight(folder, cohort(60, 1000), **WHO)
    recent = weighted.judge(cohort(30, 3000))
    text = write_drift_report(tmp_path / "drift.html", weighted, recent).read_text("utf-8")
    assert "This version was weighted towards 60 new cases" in text


def test_a_version_without_labels_is_no_look(cohort: Cohort, cheap: Any, tmp_path: Path) -> None:
    QualityGate(looks="many").calibrate(cohort(100), candidates=cheap).save(tmp_path)
    reweight(tmp_path, cohort(60, 1000), **WHO)
    with pytest.raises(CalibrationError, match="only weighted"):
        look_again(tmp_path, cohort(160), **WHO)


@pytest.mark.parametrize(
    ("settings", "patients", "what"),
    [
        ({"groups": "site"}, 100, "one by site"),
        ({"interval_confidence": 0.9}, 100, "with an interval confidence"),
        ({}, 30, "without calibration patients"),
    ],
)
def test_what_has_no_theorem_is_refused(
    cohort: Cohort, cheap: Any, tmp_path: Path, settings: dict, patients: int, what: str
) -> None:
    gate = QualityGate(**settings).calibrate(cohort(patients), candidates=cheap)
    gate.save(tmp_path)
    with pytest.raises(CalibrationError, match=what):
        reweight(tmp_path, cohort(60, 1000), **WHO)
    assert CalibrationFolder(tmp_path).active == gate.id


def test_too_few_or_foreign_cases_are_refused(
    gate: CalibratedGate, folder: Path, cohort: Cohort
) -> None:
    few = pd.concat([cohort(200), cohort(19, 1000)])  # the first 200 fitted or calibrated
    with pytest.raises(CalibrationError, match=r"at least 20 new patients.*received 19"):
        reweight(folder, few, **WHO)
    with pytest.raises(IdentityError, match="another model"):
        reweight(folder, cohort(60, 1000).assign(model_id="other"), **WHO)
    with pytest.raises(InputError, match="feature_noise"):
        reweight(folder, cohort(60, 1000).drop(columns="feature_noise"), **WHO)
    with pytest.raises(InputError, match="a name and a reason"):
        reweight(folder, cohort(60, 1000), by="", reason="x")
    assert CalibrationFolder(folder).versions() == [gate.id]


def test_the_certificate_fits_its_schema(folder: Path, cohort: Cohort) -> None:
    fresh = reweight(folder, cohort(60, 1000), **WHO)
    source = Path(__file__).parents[1] / "segqc_conformal" / "certificate.schema.json"
    jsonschema.validate(json.loads(fresh.certificate.to_json()), json.loads(source.read_text()))


def _world(
    rng: np.random.Generator, patients: int, mean: float, lost: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return predicted Dice, scale and Dice; errors of hard cases are larger than their scale."""
    ease = rng.normal(mean, 1.0, patients)
    predicted, scale = 0.7 + 0.05 * ease, np.full(patients, 0.05)
    dice = predicted - lost + 0.05 * np.exp(-0.5 * ease) * rng.normal(size=patients)
    return predicted, scale, np.clip(dice, 0.0, 1.0)


@pytest.mark.parametrize(
    ("lost", "repaired"), [(0.0, True), (0.15, False)], ids=["harder cases", "worse masks"]
)
def test_weights_repair_a_shift_of_cases_and_not_one_of_masks(lost: float, repaired: bool) -> None:
    rng = np.random.default_rng(7)
    weighted, plain = [], []
    for _ in range(100):
        predicted, scale, dice = _world(rng, 200, 0.0, 0.0)
        unlabelled, its_scale, _ = _world(rng, 200, -1.0, lost)
        new, new_scale, new_dice = _world(rng, 400, -1.0, lost)
        old = score_features(predicted, scale)
        odds = domain_odds(old, score_features(unlabelled, its_scale))
        certificate = DiceInterval().calibrate(
            predicted, dice, scale, weights=odds.of(old), weights_are="estimated"
        )
        weights = odds.of(score_features(new, new_scale))
        low, high = certificate.interval(new, new_scale, weights=weights)
        weighted.append(np.mean((low <= new_dice) & (new_dice <= high)))
        low, high = DiceInterval().calibrate(predicted, dice, scale).interval(new, new_scale)
        plain.append(np.mean((low <= new_dice) & (new_dice <= high)))
    assert np.mean(plain) < 0.8
    assert (abs(np.mean(weighted) - 0.9) < 0.025) == repaired
