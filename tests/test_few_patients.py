from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate

Cohort = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def small(cohort: Cohort) -> CalibratedGate:
    return QualityGate().calibrate(cohort(30))


def test_few_patients_get_cross_conformal_intervals_and_refer_every_case(
    small: CalibratedGate, cohort: Cohort
) -> None:
    verdicts = small.judge(cohort(20, 5000))
    assert not verdicts["accept"].any()
    assert (verdicts["dice_high"] - verdicts["dice_low"] < 0.9).all()
    for entry in small.certificate.structures.values():
        assert "(cross-conformal, minmax form)" in entry.interval.promise
        assert "cannot certify an accept threshold" in entry.interval.promise
        assert entry.accept.promise.endswith("at least 22 calibration patients are needed.")


def test_the_predicted_dice_lies_inside_its_interval(small: CalibratedGate, cohort: Cohort) -> None:
    verdicts = small.judge(cohort(300, 5000))
    assert verdicts["predicted_dice"].between(verdicts["dice_low"], verdicts["dice_high"]).all()
    above = verdicts["predicted_dice"] > 0.8
    assert ((verdicts["accept_score"] > 0) == above).all()


def test_interval_and_accept_promise_do_not_contradict_each_other(small: CalibratedGate) -> None:
    for entry in small.certificate.structures.values():
        assert "exchangeable with the 30 labelled patients" in entry.interval.promise
        assert "no patient is left to calibrate an accept threshold" in entry.accept.promise
        assert "0 calibration patients" not in entry.accept.promise


def test_a_feature_that_is_large_where_masks_are_bad_serves_the_whole_case_as_well(
    cohort: Cohort,
) -> None:
    def width(turned: bool) -> float:
        table, new = cohort(39, seed=1), cohort(200, 5000, seed=1)
        for rows in (table, new):
            agreement = rows.pop("feature_agreement")
            rows["feature_own"] = 1.0 - agreement if turned else agreement
        rows = QualityGate().calibrate(table).judge(new).query("structure == 'whole_case'")
        return float((rows["dice_high"] - rows["dice_low"]).mean())

    assert width(turned=True) == pytest.approx(width(turned=False), rel=1e-3)


def test_a_saved_small_gate_judges_alike(
    small: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    small.save(tmp_path / "calibration")
    loaded = CalibratedGate.load(tmp_path / "calibration")
    new = cohort(20, 5000).assign(feature_more=1.0)
    pd.testing.assert_frame_equal(loaded.judge(new), small.judge(new))
    assert loaded.certificate == small.certificate


def coverage(cohort: Cohort, cheap: dict[str, Any], draws: int, patients: int) -> dict[str, float]:
    hits: dict[str, list[float]] = {}
    for seed in range(draws):
        gate = QualityGate().calibrate(cohort(patients, seed=seed), candidates=cheap)
        new = cohort(60, 5000, seed=seed)
        verdicts = gate.judge(new)
        worst = new.groupby("case_id")["dice"].min()
        dice = new.set_index(["case_id", "structure"])["dice"]
        for name, rows in verdicts.groupby("structure"):
            true = (
                rows["case_id"].map(worst)
                if name == "whole_case"
                else pd.Series([dice[c, name] for c in rows["case_id"]], rows.index)
            )
            hits.setdefault(str(name), []).append(
                float(true.between(rows["dice_low"], rows["dice_high"]).mean())
            )
    return {name: float(np.mean(found)) for name, found in hits.items()}


def test_intervals_from_few_patients_cover_also_the_whole_case(
    cohort: Cohort, cheap: dict[str, Any]
) -> None:
    # spread of one draw's coverage is at most that of Beta(18, 3): .07
    for found in coverage(cohort, cheap, draws=6, patients=20).values():
        assert found >= 0.9 - 3 * 0.07 / np.sqrt(6)


@pytest.mark.parametrize("settings", [{"side": "lower"}, {"interval_confidence": 0.9}])
def test_what_has_no_theorem_from_few_patients_stays_the_whole_interval(
    cohort: Cohort, settings: dict[str, Any]
) -> None:
    verdicts = QualityGate(**settings).calibrate(cohort(30)).judge(cohort(5, 5000))
    assert (verdicts["dice_low"] == 0.0).all()
    assert (verdicts["dice_high"] == 1.0).all()


def test_below_twenty_patients_every_interval_is_the_whole(cohort: Cohort) -> None:
    verdicts = QualityGate().calibrate(cohort(19)).judge(cohort(5, 5000))
    assert (verdicts["dice_low"] == 0.0).all()
    assert (verdicts["dice_high"] == 1.0).all()


def test_by_group_from_few_patients_every_case_is_referred_because_none_is_left_to_calibrate(
    cohort: Cohort,
) -> None:
    verdicts = QualityGate(groups="site").calibrate(cohort(30)).judge(cohort(5, 5000))
    assert set(verdicts["reason"]) == {"cannot_certify"}
    assert verdicts["message"].str.startswith("No patient of any group calibrated").all()
