"""Correlations of features with Dice agree with scipy, count patients, and leave the rest out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from segqc_conformal.errors import IdentityError, InputError
from segqc_conformal.quality.correlation import feature_correlations


def one(result: pd.DataFrame, structure: str, feature: str) -> pd.Series:
    rows = result[(result["structure"] == structure) & (result["feature"] == feature)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_coefficients_and_pearsons_interval_are_scipys(
    cohort: Callable[..., pd.DataFrame],
) -> None:
    table = cohort(60)
    table["feature_agreement"] = table["feature_agreement"].round(1)  # ties
    result = feature_correlations(table)
    assert len(result) == 2 * 3
    for structure, rows in table.groupby("structure"):
        for feature in ("agreement", "noise", "volume_ml"):
            found = one(result, str(structure), feature)
            x, y = rows[f"feature_{feature}"], rows["dice"]
            expected = pearsonr(x, y)
            interval = expected.confidence_interval(0.95)
            assert found["patients"] == 60
            assert found["spearman"] == pytest.approx(spearmanr(x, y)[0], abs=1e-12)
            assert found["pearson"] == pytest.approx(expected.statistic, abs=1e-12)
            assert found["pearson_low"] == pytest.approx(interval.low, abs=1e-12)
            assert found["pearson_high"] == pytest.approx(interval.high, abs=1e-12)


def test_spearmans_interval_covers_the_true_coefficient_at_its_confidence() -> None:
    # Normal pairs of correlation 0.6: Spearman is 6/pi asin(0.3) = 0.582. 50 tables of 40 patients
    # with 20 features each; features of one table share Dice, hence the wide tolerance.
    rng = np.random.default_rng(4)
    truth = 6 / np.pi * np.arcsin(0.3)
    ids = [f"p{i}" for i in range(40)]
    hits = []
    for _ in range(50):
        y = rng.normal(size=40)
        x = 0.6 * y[:, None] + 0.8 * rng.normal(size=(40, 20))
        table = pd.DataFrame(x, columns=[f"feature_{i}" for i in range(20)]).assign(
            case_id=ids,
            patient_id=ids,
            structure="a",
            model_id="m",
            sampler_id="s",
            schema_version="1",
            judged="fused",
            dice=1 / (1 + np.exp(-y)),
        )
        found = feature_correlations(table)
        hits += ((found["spearman_low"] <= truth) & (truth <= found["spearman_high"])).tolist()
    assert 0.92 <= np.mean(hits) <= 0.98


def test_each_patient_counts_once_by_its_first_case(cohort: Callable[..., pd.DataFrame]) -> None:
    table = cohort(30)
    later = table.assign(
        case_id="again" + table["case_id"],
        time=table["time"] + pd.Timedelta(days=1),
        feature_agreement=0.5,
    )
    pd.testing.assert_frame_equal(
        feature_correlations(pd.concat([later, table])), feature_correlations(table)
    )


def test_failed_unlabelled_and_empty_rows_are_left_out(
    cohort: Callable[..., pd.DataFrame],
) -> None:
    table = cohort(30, structures=("lesion",))
    table.loc[0, "failed"] = "no samples"
    table.loc[1, "dice"] = np.nan
    table.loc[2, ["feature_volume_ml", "dice"]] = 0.0
    table.loc[3, "feature_noise"] = np.inf
    result = feature_correlations(table)
    assert result.set_index("feature")["patients"].to_dict() == {
        "agreement": 27,
        "noise": 26,
        "volume_ml": 27,
    }
    kept = table.drop(index=[0, 1, 2])
    assert one(result, "lesion", "agreement")["spearman"] == pytest.approx(
        spearmanr(kept["feature_agreement"], kept["dice"])[0]
    )


def test_constant_feature_is_nan_and_a_monotone_one_is_one(
    cohort: Callable[..., pd.DataFrame],
) -> None:
    table = cohort(20, structures=("lesion",))
    table["feature_agreement"], table["feature_noise"] = 7.0, -np.exp(table["dice"])
    result = feature_correlations(table)
    columns = ["spearman", "spearman_low", "spearman_high", "pearson"]
    assert one(result, "lesion", "agreement")[columns].isna().all()
    assert one(result, "lesion", "noise")[columns[:3]].tolist() == [-1.0, -1.0, 1.0]


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_huge_and_tiny_values_keep_their_correlation(
    cohort: Callable[..., pd.DataFrame], factor: float
) -> None:
    table = cohort(20, structures=("lesion",))
    before = one(feature_correlations(table), "lesion", "noise")["pearson"]
    table["feature_noise"] *= factor
    assert one(feature_correlations(table), "lesion", "noise")["pearson"] == pytest.approx(before)


def test_below_four_patients_the_interval_says_nothing(
    cohort: Callable[..., pd.DataFrame],
) -> None:
    found = feature_correlations(cohort(3, structures=("lesion",))).iloc[0]
    assert (found["spearman_low"], found["spearman_high"]) == (-1.0, 1.0)


def test_narrower_with_less_confidence(cohort: Callable[..., pd.DataFrame]) -> None:
    wide, narrow = (feature_correlations(cohort(40), level).iloc[0] for level in (0.95, 0.5))
    assert wide["spearman_low"] < narrow["spearman_low"] < narrow["spearman"]


def test_without_labels_or_of_two_samplers_it_is_refused(
    cohort: Callable[..., pd.DataFrame],
) -> None:
    table = cohort(5)
    with pytest.raises(InputError, match="known Dice"):
        feature_correlations(table.assign(dice=np.nan))
    with pytest.raises(InputError, match="confidence"):
        feature_correlations(table, 1.0)
    with pytest.raises(IdentityError, match="sampler_id"):
        feature_correlations(table.assign(sampler_id=["a", "b"] * 5))
