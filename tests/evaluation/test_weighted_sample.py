import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.area_under_risk import augrc, aurc, e_aurc, naurc
from segqc_conformal.evaluation.discrimination import aupr, auroc, fpr_at_tpr
from segqc_conformal.evaluation.grades import krippendorff_alpha, weighted_kappa
from segqc_conformal.evaluation.prediction_error import mae, pearson, r2, rmse, spearman
from segqc_conformal.evaluation.probability_error import ace, brier, ece, nll
from segqc_conformal.evaluation.reconstructions import esce_reconstruction, hdice_reconstruction

OF_LOSS = (aurc, e_aurc, naurc, augrc)
OF_GOOD = (auroc, aupr, fpr_at_tpr, brier, nll, ece, ace)
OF_DICE = (mae, rmse, r2, pearson, spearman, esce_reconstruction, hdice_reconstruction)
OF_GRADES = (weighted_kappa, krippendorff_alpha)


def trapezoid(score, loss, counts=None):
    return aurc(score, loss, counts, convention="trapezoid")


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(0)
    score = rng.integers(0, 12, 40) / 12  # many ties
    dice = np.round(np.clip(score + rng.normal(0, 0.2, 40), 0, 1), 1)
    return score, dice, rng.integers(0, 4, (25, 40))


def target_of(metric, dice):
    if metric in OF_GOOD:
        return (dice > 0.5).astype(float)
    if metric in OF_GRADES:
        return np.round(dice * 3)
    return dice if metric in OF_DICE else 1.0 - dice


@pytest.mark.parametrize("metric", [*OF_LOSS, trapezoid, *OF_GOOD, *OF_DICE, *OF_GRADES])
def test_counts_are_cases_repeated_as_often(metric, cases):
    score, dice, counts = cases
    target = target_of(metric, dice)
    score = np.round(score * 3) if metric in OF_GRADES else score
    expected = [metric(np.repeat(score, times), np.repeat(target, times)) for times in counts]
    np.testing.assert_allclose(metric(score, target, counts), expected, atol=1e-12)
    assert isinstance(metric(score, target), float)


@pytest.mark.parametrize("metric", [*OF_LOSS, *OF_GOOD, *OF_DICE, *OF_GRADES])
def test_order_of_the_rows_does_not_matter(metric, cases):
    score, dice, _ = cases
    target, mixed = target_of(metric, dice), np.random.default_rng(1).permutation(40)
    assert metric(score[mixed], target[mixed]) == pytest.approx(metric(score, target), abs=1e-12)


@pytest.mark.parametrize(
    ("score", "target", "counts", "expected"),
    [
        ([], [], None, "at least one case"),
        ([1.0], [0.5, 0.6], None, "equal length"),
        ([np.nan], [0.5], None, "without NaN"),
        ([1.0], [np.nan], None, "without NaN"),
        ([1.0], [1.2], None, "in \\[0, 1\\]"),
        ([1.0, 2.0], [0.5, 0.5], [[1.0]], "shape"),
        ([1.0], [0.5], [[0.5]], "whole counts"),
        ([1.0], [0.5], [[-1.0]], "whole counts"),
        ([1.0, 2.0], [0.5, 0.5], [[0, 0]], "not all 0"),
    ],
)
def test_unusable_input_is_refused(score, target, counts, expected):
    with pytest.raises(InputError, match=expected):
        aurc(score, target, counts)
