import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from segqc_conformal.calibrators.interval import DiceInterval, IntervalCertificate
from segqc_conformal.reports.coverage import clopper_pearson, coverage_table, expected_range


@pytest.mark.parametrize(("hits", "cases"), [(0, 5), (3, 7), (9, 9), (180, 200)])
def test_clopper_pearson_equals_scipy(hits, cases):
    exact = binomtest(hits, cases).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, cases) == pytest.approx((exact.low, exact.high))


def test_clopper_pearson_of_nothing_is_everything():
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("confidence", [None, 0.9])
def test_expected_range_holds_95_of_100_simulated_evaluations(confidence):
    rng = np.random.default_rng(0)
    low, high = expected_range(IntervalCertificate(0.1, "two-sided", confidence, 80, 1.0), 100)
    inside = 0
    for _ in range(2000):
        error = rng.random(180)
        certificate = DiceInterval(0.1, confidence=confidence).calibrate(np.zeros(80), error[:80])
        inside += low <= np.mean(error[80:] <= certificate.quantile) <= high
    # discreteness makes the range hold at least 95 %; 3.5 standard errors of slack
    assert 0.95 - 3.5 * 0.0049 <= inside / 2000 <= 0.995


def test_too_few_calibration_patients_have_no_range():
    assert expected_range(IntervalCertificate(0.1, "two-sided", None, 5, None), 10) is None


def test_groups_and_weights_have_no_range():
    y = np.linspace(0, 1, 60)
    grouped = DiceInterval().calibrate(y, y, groups=["A", "B"] * 30)
    weighted = DiceInterval().calibrate(y, y, weights=1.0 + y, weights_are="known")
    assert expected_range(DiceInterval().calibrate(y, y), 10) is not None
    assert expected_range(grouped, 10) is None
    assert expected_range(weighted, 10) is None


def test_table_counts_by_hand_and_leaves_empty_predictions_out():
    rows = pd.DataFrame(
        {
            "structure": "s",
            "site": ["A", "A", "B", "B"],
            "predicted_dice": [0.9, 0.8, 0.7, np.nan],
            "dice_low": [0.8, 0.7, 0.5, 0.0],
            "dice_high": [1.0, 0.9, 0.9, 1.0],
            "covered": [True, False, True, True],
        }
    )
    table = coverage_table(rows).set_index("site")
    assert table["cases"].to_dict() == {"all": 3, "A": 2, "B": 1}
    assert table["coverage"].to_dict() == pytest.approx({"all": 2 / 3, "A": 0.5, "B": 1.0})
    assert table["width"].to_dict() == pytest.approx({"all": 0.8 / 3, "A": 0.2, "B": 0.4})


def test_one_site_is_not_told_twice():
    rows = pd.DataFrame(
        {
            "structure": "s",
            "site": ["A"],
            "predicted_dice": 0.9,
            "dice_low": 0.8,
            "dice_high": 1.0,
            "covered": True,
        }
    )
    assert coverage_table(rows)["site"].tolist() == ["all"]
