import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.area_under_risk import aurc
from segqc_conformal.features.table import read_table
from segqc_conformal.patients import split_patients
from segqc_conformal.reports.comparison import compare_predictors, write_comparison


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    dice = rng.beta(8, 1.5, 80)
    return pd.DataFrame(
        {
            "case_id": [f"c{i}" for i in range(80)],
            "patient_id": [f"p{i}" for i in range(80)],
            "structure": "lesion",
            "model_id": "m",
            "sampler_id": "s",
            "schema_version": "1",
            "judged": "fused",
            "dice": np.where(np.arange(80) % 20 == 3, 0.0, dice),
            "feature_pairwise_dice": np.clip(dice + rng.normal(0, 0.05, 80), 0, 1),
            "feature_entropy": 1 - dice + rng.normal(0, 0.1, 80),
            "feature_volume_ml": np.where(np.arange(80) % 20 == 3, 0.0, 1 + rng.random(80)),
            "feature_constant": 1.0,
        }
    )


@pytest.fixture(scope="module")
def compared(table):
    return compare_predictors(table).set_index("method")


def test_single_feature_is_measured_on_the_other_half_as_by_scipy(table, compared):
    # the split is drawn among patients with a prediction
    seen = table[table["feature_volume_ml"] > 0]
    fitting, _ = split_patients(seen["patient_id"], 0)
    test = seen[~seen["patient_id"].isin(fitting)]
    value, dice = test["feature_pairwise_dice"], test["dice"]
    line = compared.loc["pairwise_dice"]
    assert line["patients"] == len(test) == 38
    assert line["spearman"] == pytest.approx(spearmanr(value, dice).statistic)
    assert line["pearson"] == pytest.approx(pearsonr(value, dice).statistic)
    assert line["mae"] == pytest.approx((value - dice).abs().mean())
    assert line["aurc"] == pytest.approx(aurc(value, 1 - dice))
    assert line["aurc_bad"] == pytest.approx(aurc(value, (dice <= 0.8).astype(float)))


def test_feature_that_falls_with_quality_is_turned(compared):
    line = compared.loc["entropy (low is good)"]
    assert line["spearman"] > 0.5
    assert np.isnan(line["mae"])


def test_constant_feature_has_no_correlation_and_the_mean_risk(compared, table):
    assert np.isnan(compared.loc["constant", "spearman"])
    assert compared.loc["constant", "aurc"] > compared.loc["combination", "aurc"]


def test_combination_predicts_dice(compared):
    assert compared.loc["combination", "mae"] < 0.1


def test_comparison_can_be_read_as_table_and_page(table, compared, tmp_path):
    frame = compare_predictors(table)
    write_comparison(tmp_path / "c.csv", frame)
    assert read_table(tmp_path / "c.csv")["method"].tolist() == frame["method"].tolist()
    page = write_comparison(tmp_path / "c.html", frame).read_text("utf-8")
    assert "rectangle convention" in page
    assert "combination, accept score" in page


def test_too_few_patients_are_refused(table):
    with pytest.raises(InputError, match="at least 20"):
        compare_predictors(table.head(10))
