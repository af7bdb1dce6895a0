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
