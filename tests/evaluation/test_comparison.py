import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import roc_auc_score

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.area_under_risk import aurc
from segqc_conformal.evaluation.case_metrics import CASE_METRICS
from segqc_conformal.evaluation.comparison import compare_predictors
from segqc_conformal.evaluation.comparison_halves import structures_with_enough
from segqc_conformal.evaluation.promise_worth import PROMISE_NUMBERS
from segqc_conformal.patients import split_patients

ENTROPY = "entropy (low is good)"


@pytest.fixture(scope="module")
def compared(table):
    return compare_predictors(table, predictors=["network", "feature_head"])


@pytest.fixture(scope="module")
def part(compared):
    (found,) = compared.structures
    return found


@pytest.fixture(scope="module")
def evaluated(table):
    # the split is drawn among patients with a prediction
    seen = table[table["feature_volume_ml"] > 0]
    fitting, _ = split_patients(seen["patient_id"], 0)
    return seen[~seen["patient_id"].isin(fitting)]


def test_single_feature_is_measured_on_the_other_half_as_by_scipy(part, evaluated):
    value, dice = evaluated["feature_pairwise_dice"], evaluated["dice"]
    assert part.dice.size == len(evaluated) == 38
    expected = {
        "spearman": spearmanr(value, dice).statistic,
        "pearson": pearsonr(value, dice).statistic,
        "mae": (value - dice).abs().mean(),
        "aurc": aurc(value, 1 - dice),
        "aurc_trapezoid": aurc(value, 1 - dice, convention="trapezoid"),
        "aurc_bad": aurc(value, (dice <= 0.8).astype(float)),
        "auroc": roc_auc_score(dice > 0.8, value),
    }
    found = {metric: part.row("pairwise_dice", metric)["value"] for metric in expected}
    assert found == pytest.approx(expected)


def test_feature_that_falls_with_quality_is_turned(part):
    assert part.row(ENTROPY, "spearman")["value"] > 0.5
    numbers = part.numbers
    assert "mae" not in set(numbers.loc[numbers["method"] == ENTROPY, "metric"])


def test_constant_feature_has_no_correlation_and_the_mean_risk(part):
    assert np.isnan(part.row("constant", "spearman")["value"])
    assert part.row("constant", "auroc")["value"] == 0.5
    assert part.row("constant", "naurc")["value"] == pytest.approx(0.0, abs=1e-12)
    assert part.row("constant", "aurc")["difference_low"] > 0.0


def test_combination_has_every_number_with_an_interval(part):
    numbers = part.numbers[part.numbers["method"] == "combination"].set_index("metric")
    assert set(numbers.index) == {*CASE_METRICS, *PROMISE_NUMBERS}
    known = numbers.drop(index=["error_10", "error_20"])
    assert (known["low"] <= known["high"]).all()
    assert known.loc["mae", "value"] < 0.1
    assert known.loc["covered_90", "value"] > 0.8


def test_predictor_columns_are_taken_as_they_are(part, table):
    assert part.row("network", "mae")["value"] < 0.05
    assert part.row("head", "mae")["value"] > 0.3  # ranks well, but is no Dice
    assert part.row("head", "auroc")["value"] > 0.8


def test_best_single_is_chosen_on_the_fit_half_and_differences_are_to_it(part):
    single = [method for method in part.methods if method.kind != "combination"]
    assert part.best_single == min(single, key=lambda method: method.fit_aurc).name == "network"
    zero = part.row("network", "aurc")
    assert (zero["difference"], zero["difference_low"], zero["difference_high"]) == (0, 0, 0)
    line = part.row(ENTROPY, "aurc")
    assert line["difference"] == pytest.approx(line["value"] - zero["value"])
    assert 0.0 < line["difference_low"] < line["difference"] < line["difference_high"]


def test_overview_has_one_line_per_method_the_best_first(compared, part):
    overview = compared.overview
    assert len(overview) == len(part.methods)
    assert overview["aurc"].is_monotonic_increasing
    assert overview["method"].iloc[0] in ("network", "combination")


def test_structures_of_few_patients_are_named(table):
    rare = table.head(4).assign(structure="rare")
    more = pd.concat([table, rare], ignore_index=True)
    assert structures_with_enough(more, table) == (["lesion"], ["rare"])
    with pytest.raises(InputError, match="5 patients of each half"):
        structures_with_enough(rare, rare)


def test_patients_whose_labels_taught_a_feature_do_not_evaluate(table):
    taught = table["patient_id"].isin(sorted(table["patient_id"].unique())[:30])
    (part,) = compare_predictors(table.assign(fit_patient=taught)).structures
    evaluated = table[~taught & (table["feature_volume_ml"] > 0)]
    assert part.dice.size == evaluated["patient_id"].nunique()


def test_too_few_patients_are_refused(table):
    with pytest.raises(InputError, match="at least 20"):
        compare_predictors(table.head(10))


def test_predictor_that_is_no_dice_is_refused(table):
    with pytest.raises(InputError, match="the column nothing"):
        compare_predictors(table, predictors=["nothing"])
    bad = table.assign(network=table["network"].where(table.index != 5))
    with pytest.raises(InputError, match=r"case c5: expected predicted Dice in \[0, 1\]"):
        compare_predictors(bad, predictors=["network"])
