import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.probability_error import ace, brier, ece, nll


@pytest.fixture(params=range(3))
def cases(request):
    rng = np.random.default_rng(request.param)
    p = np.round(rng.random(80), 2)
    return p, rng.random(80) < p


def test_brier_and_nll_are_those_of_scikit_learn(cases):
    p, good = cases
    assert brier(p, good) == pytest.approx(brier_score_loss(good, p))
    assert nll(p, good) == pytest.approx(log_loss(good, np.column_stack([1 - p, p])))


def test_ece_is_that_of_a_loop_over_bins(cases):
    p, good = cases
    error = 0.0
    for k in range(20):
        inside = (p >= k / 20) & ((p < (k + 1) / 20) | ((k == 19) & (p == 1.0)))
        if inside.any():
            error += inside.mean() * abs(p[inside].mean() - good[inside].mean())
    assert ece(p, good) == pytest.approx(error)


def test_ace_without_ties_is_that_of_equal_parts():
    rng = np.random.default_rng(5)
    p = rng.permutation(100) / 100
    good = rng.random(100) < p**2
    parts = np.split(np.argsort(p), 20)
    expected = np.mean([abs(p[part].mean() - good[part].mean()) for part in parts])
    assert ace(p, good) == pytest.approx(expected)


def test_calibrated_probabilities_have_a_smaller_error_than_sharpened_ones():
    rng = np.random.default_rng(6)
    p = rng.random(20_000)
    good = rng.random(20_000) < p
    sharp = np.where(p > 0.5, np.sqrt(p), p**2)
    for error in (ece, ace, brier, nll):
        assert error(p, good) < error(sharp, good)
    assert ece(p, good) < 0.02
    assert ace(p, good) < 0.02


def test_equal_probabilities_share_a_bin():
    assert ace([0.5, 0.5, 0.5, 0.5], [True, False, True, False]) == 0.0


def test_probability_outside_is_refused():
    with pytest.raises(InputError, match="scores in"):
        brier([1.1], [True])
