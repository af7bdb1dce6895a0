import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from segqc_conformal.evaluation.discrimination import aupr, auroc, fpr_at_tpr


@pytest.fixture(params=range(4))
def cases(request):
    rng = np.random.default_rng(request.param)
    good = rng.random(60) < 0.6
    return rng.integers(0, 15, 60) + 4.0 * good, good


def test_auroc_and_aupr_are_those_of_scikit_learn(cases):
    score, good = cases
    assert auroc(score, good) == pytest.approx(roc_auc_score(good, score))
    assert aupr(score, good) == pytest.approx(average_precision_score(good, score))
    assert aupr(score, good, of="bad") == pytest.approx(average_precision_score(~good, -score))


def test_fpr_is_that_of_the_first_threshold_that_keeps_the_good(cases):
    score, good = cases
    fpr, tpr, _ = roc_curve(good, score, drop_intermediate=False)
    for kept in (0.5, 0.95, 1.0):
        expected = fpr[np.argmax(tpr >= kept - 1e-12)]
        assert fpr_at_tpr(score, good, tpr=kept) == pytest.approx(expected)


def test_without_good_or_bad_cases_nothing_is_defined():
    assert np.isnan(auroc([1.0, 2.0], [True, True]))
    assert np.isnan(fpr_at_tpr([1.0, 2.0], [True, True]))
    assert np.isnan(fpr_at_tpr([1.0, 2.0], [False, False]))
    assert np.isnan(aupr([1.0, 2.0], [False, False]))
    assert aupr([1.0, 2.0], [True, True]) == 1.0


def test_minus_infinity_is_the_worst_score():
    assert auroc([-np.inf, 0.5, 1.0], [False, True, True]) == 1.0
