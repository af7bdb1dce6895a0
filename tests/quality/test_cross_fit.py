from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.calibration_rows import hashed_patients
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import read_table, write_table
from segqc_conformal.quality.cross_fit import cross_fitted, with_predicted_feature
from segqc_conformal.quality.regressor import QualityRegressor
from segqc_conformal.quality_gate import QualityGate


def memorable(patients: int, rows_each: int) -> pd.DataFrame:
    """Return patients whose features name them, and whose Dice is drawn once for each."""
    rng = np.random.default_rng(0)
    names = np.repeat(np.arange(patients), rows_each)
    features = rng.normal(size=(patients, 6))[names] + rng.normal(0.0, 0.01, (names.size, 6))
    frame = pd.DataFrame(features, columns=[f"feature_{k}" for k in range(6)])
    ids = [f"p{name:03d}" for name in names]
    dice = rng.uniform(0.3, 0.95, patients)[names]
    return frame.assign(patient_id=ids, case_id=np.arange(names.size), structure="s", dice=dice)


def test_no_row_is_predicted_by_a_model_that_saw_its_patient() -> None:
    table = memorable(40, 3)
    settings = QualityRegressor("forest")
    honest = cross_fitted(settings, table, table["dice"], folds=3).predicted
    assert np.corrcoef(honest, table["dice"])[0, 1] < 0.4
    fitted = settings.fit(table, table["dice"], table["patient_id"])
    assert np.corrcoef(fitted.out_of_fold_, table["dice"])[0, 1] < 0.4
    assert np.corrcoef(fitted.predict(table), table["dice"])[0, 1] > 0.85
    # the twin: rows as their own patients are known by heart
    rows = table.assign(patient_id=table.index.astype(str))
    leaking = cross_fitted(settings, rows, rows["dice"], folds=3).predicted
    assert np.corrcoef(leaking, table["dice"])[0, 1] > 0.85


def test_with_methods_no_row_is_predicted_by_a_model_that_saw_its_method() -> None:
    rng = np.random.default_rng(1)
    names = np.tile(["a", "b", "c"], 30)
    # each method has a Dice of its own, which a feature that names the method gives away
    own = pd.Series(names).map({"a": 0.5, "b": 0.7, "c": 0.9}).to_numpy()
    table = pd.DataFrame(
        {
            "patient_id": [f"p{number}" for number in np.arange(90) // 3],
            "structure": "s",
            "feature_method": np.searchsorted(["a", "b", "c"], names) + rng.normal(0, 0.1, 90),
            "dice": np.clip(own + rng.normal(0, 0.02, 90), 0, 1),
        }
    )
    settings = QualityRegressor("forest")
    known = cross_fitted(settings, table, table["dice"], folds=2).predicted
    new = cross_fitted(settings, table, table["dice"], methods=names, folds=2).predicted
    assert np.abs(known - table["dice"]).mean() < 0.04
    assert np.abs(new - table["dice"]).mean() > 0.1
    with pytest.raises(InputError, match="two segmentation methods"):
        cross_fitted(settings, table, table["dice"], methods=["a"] * 90)


def test_a_predicted_feature_never_reads_a_label_beyond_the_fit_patients(
    cohort: Any, cheap: Any, tmp_path: Path
) -> None:
    table = cohort(120)
    fit = sorted(table["patient_id"].unique())[:60]
    settings = QualityRegressor("linear")
    with_it, fitted = with_predicted_feature("learned", settings, table, fit)
    beyond = ~table["patient_id"].isin(fit)
    hidden = table.assign(dice=table["dice"].where(~beyond))
    again, _ = with_predicted_feature("learned", settings, hidden, fit)
    assert with_it["feature_learned"].tolist() == again["feature_learned"].tolist()
    assert np.array_equal(with_it.loc[beyond, "feature_learned"], fitted.predict(table[beyond]))
    of_fit = table[~beyond]
    assert not np.array_equal(with_it.loc[~beyond, "feature_learned"], fitted.predict(of_fit))
    assert sorted(with_it.loc[with_it["fit_patient"], "patient_id"].unique()) == fit
    gate = QualityGate().calibrate(with_it, candidates=cheap)
    assert gate.certificate.structures["whole_case"].interval.patients == 60
    assert not gate.patients & set(hashed_patients(table[beyond])) - set(
        gate.certificate.lineage["calibration_patients"]
    )
    with pytest.raises(InputError, match="1 missing"):
        QualityGate().calibrate(with_it, fit_patients=fit[1:], candidates=cheap)
    write_table(with_it, tmp_path / "with.csv")
    again = QualityGate().calibrate(read_table(tmp_path / "with.csv"), candidates=cheap)
    assert again.certificate.lineage == gate.certificate.lineage
    with pytest.raises(InputError, match="true or false"):
        QualityGate().calibrate(with_it.assign(fit_patient="maybe"), candidates=cheap)
    assert "feature_learned" in gate.profile
    with pytest.raises(InputError, match="fit patients with dice"):
        with_predicted_feature("learned", settings, table, ["nobody"])
