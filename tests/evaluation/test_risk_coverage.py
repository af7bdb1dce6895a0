from itertools import permutations

import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.area_under_risk import aurc
from segqc_conformal.evaluation.risk_coverage import risk_coverage


def mean_over_orders(score, loss):
    """Average the risk curve over every order that sorts by score: ties in all their orders."""
    curves = []
    for order in permutations(range(len(score))):
        ordered = [score[i] for i in order]
        if ordered == sorted(ordered, reverse=True):
            losses = [loss[i] for i in order]
            curves.append([sum(losses[:k]) / k for k in range(1, len(loss) + 1)])
    return np.mean(curves, axis=0)


@pytest.mark.parametrize("seed", range(8))
def test_curve_is_the_mean_over_all_orders_of_tied_cases(seed):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 3, 6).astype(float)
    dice = rng.choice([0.3, 0.8, 0.81, 0.95], 6)
    curve = risk_coverage(score, dice, 0.8)
    np.testing.assert_allclose(curve.bad_share, mean_over_orders(score, dice <= 0.8))
    np.testing.assert_allclose(curve.mean_loss, mean_over_orders(score, 1 - dice))
    np.testing.assert_allclose(aurc(score, 1 - dice), mean_over_orders(score, 1 - dice).mean())


def test_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(0)
    score, loss = rng.integers(0, 4, 50).astype(float), rng.random(50)
    mixed = rng.permutation(50)
    for convention in ("rectangle", "trapezoid"):
        assert aurc(score, loss, convention=convention) == pytest.approx(
            aurc(score[mixed], loss[mixed], convention=convention), abs=1e-14
        )


def test_trapezoid_is_the_benchmarks_sum_without_normalisation():
    rng = np.random.default_rng(1)
    score, loss = rng.random(30), rng.random(30)
    risk = mean = np.cumsum(loss[np.argsort(-score)]) / np.arange(1, 31)
    expected = sum((risk[k] + mean[k + 1]) / 2 / 30 for k in range(29))
    assert aurc(score, loss, convention="trapezoid") == pytest.approx(expected)


def test_dice_at_the_threshold_is_bad():
    assert risk_coverage([1.0], [0.8], 0.8).bad_share.tolist() == [1.0]


def test_minus_infinity_is_accepted_last():
    curve = risk_coverage([-np.inf, 1.0, -np.inf], [0.0, 0.9, 1.0], 0.8)
    np.testing.assert_allclose(curve.bad_share, [0.0, 0.25, 1 / 3])
    assert curve.score.tolist() == [1.0, -np.inf, -np.inf]


@pytest.mark.parametrize(
    ("score", "dice"),
    [([], []), ([1.0], [0.5, 0.6]), ([np.nan], [0.5]), ([1.0], [1.2]), ([1.0], [np.nan])],
)
def test_unusable_values_are_refused(score, dice):
    with pytest.raises(InputError):
        risk_coverage(score, dice)
