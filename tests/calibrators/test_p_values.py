import numpy as np
import pytest
from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value
from numpy.typing import NDArray
from scipy.stats import binom

from segqc_conformal.calibrators.joint_loss import joint_losses, patient_losses
from segqc_conformal.calibrators.p_values import (
    betting_p_value,
    binomial_p_value,
    hoeffding_bentkus_p_value,
)

LEVELS = np.array([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5])


def excess(p_values: NDArray[np.float64], chances: NDArray[np.float64]) -> float:
    """Return the largest P(p <= u) - u over levels and p-values, of exact chances at the null."""
    levels = np.r_[LEVELS, p_values.ravel()]
    return float(max((chances[p_values <= u].sum() - u) for u in levels[levels < 1.0]))


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_binomial_p_values_are_super_uniform_at_every_count_and_k_minus_1_is_not(
    alpha: float,
) -> None:
    caught = 0
    for n in (1, 22, 29, 59, 100, 500):
        bad = np.arange(n + 1)
        chances = binom.pmf(bad, n, alpha)
        assert excess(binomial_p_value(bad, n, alpha), chances) < 1e-12
        caught += excess(binomial_p_value(bad - 1, n, alpha), chances) > 0.01
    assert caught == 6


def p_values_of(losses: NDArray[np.float64], alpha: float, test: str) -> NDArray[np.float64]:
    if test == "betting":
        return betting_p_value(losses, alpha)
    return hoeffding_bentkus_p_value(losses.mean(axis=0), losses.shape[0], alpha)


def joint_world(n: int, share: float, alpha: float) -> tuple[NDArray[np.float64], ...]:
    """Counts accepted and bad of n patients, with their chances where the error is alpha."""
    accepted, bad = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    chances = binom.pmf(accepted, n, share) * binom.pmf(bad, accepted, alpha)
    kept = chances > 1e-12
    return accepted[kept], bad[kept], chances[kept]


def losses_of(accepted: int, bad: int, n: int, rejected: float) -> NDArray[np.float64]:
    return np.r_[np.ones(bad), np.zeros(accepted - bad), np.full(n - accepted, rejected)]


@pytest.mark.parametrize("test", ["hoeffding-bentkus", "betting"])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_joint_p_values_are_super_uniform_and_forgetting_the_rejected_is_not(
    test: str, share: float
) -> None:
    n, alpha = 60, 0.1
    accepted, bad, chances = joint_world(n, share, alpha)
    columns = zip(accepted, bad, strict=True)
    losses = np.stack([losses_of(int(a), int(b), n, alpha) for a, b in columns], axis=1)
    assert excess(p_values_of(losses, alpha, test), chances) < 1e-9
    if share < 1.0:  # the twin: a rejected patient counts as an accepted good one
        twin = p_values_of(np.where(losses == alpha, 0.0, losses), alpha, test)
        assert excess(twin, chances) > 0.2


def test_hoeffding_bentkus_equals_mapie_where_n_times_mean_is_exact() -> None:
    means = np.arange(65) / 64.0
    for alpha in (0.05, 0.1, 0.3):
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = compute_hoeffding_bentkus_p_value(means[:-1], 64, alpha)[:, 0]
        ours = hoeffding_bentkus_p_value(means[:-1], 64, alpha)
        np.testing.assert_allclose(ours, np.minimum(expected, 1.0), rtol=1e-10)


def test_binomial_p_value_equals_mapie_s_binary_one() -> None:
    bad = np.arange(64)
    expected = compute_hoeffding_bentkus_p_value(bad / 64.0, 64, 0.1, binary=True)[:, 0]
    np.testing.assert_allclose(binomial_p_value(bad, 64, 0.1), expected, rtol=1e-10)


def test_rounding_of_n_times_mean_never_moves_the_count() -> None:
    for n in range(1, 300):
        bad = np.arange(n + 1)
        exact = np.minimum(np.e * binom.cdf(bad, n, 0.1), 1.0)
        assert (hoeffding_bentkus_p_value(bad / n, n, 0.1) <= exact + 1e-12).all()


def test_betting_equals_the_capital_written_out_and_ignores_the_order() -> None:
    losses = np.random.default_rng(0).random(40) * 0.2
    capital = 0.0
    for k, weight in enumerate([1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 32]):
        product = 1.0
        for loss in losses:
            product *= 1.0 + 2.0**-k / 0.7 * (0.3 - loss)
        capital += weight * product
    assert float(betting_p_value(losses, 0.3)) == pytest.approx(1.0 / capital)
    assert float(betting_p_value(losses[::-1], 0.3)) == pytest.approx(1.0 / capital)


def test_betting_survives_ruin_and_no_patients() -> None:
    assert betting_p_value(np.ones((5, 2)), 0.1).tolist() == [1.0, 1.0]
    assert betting_p_value(np.ones((0, 2)), 0.1).tolist() == [1.0, 1.0]
    assert betting_p_value(np.ones((5000, 1)), 0.1).tolist() == [1.0]  # no float is so small


def test_joint_losses_equal_a_loop_over_patients_and_cases() -> None:
    rng = np.random.default_rng(1)
    scores, bad = rng.random(30), rng.random(30) < 0.4
    patients, weights = np.r_[np.arange(9), rng.integers(0, 9, 21)], rng.random(30)
    found = joint_losses(scores, bad, np.array([0.2, 0.6]), 0.1, patients, weights)
    for j, t in enumerate((0.2, 0.6)):
        for patient in range(9):
            rows = np.flatnonzero(patients == patient)
            terms = [weights[i] * (scores[i] >= t) * (float(bad[i]) - 0.1) for i in rows]
            assert found[patient, j] == pytest.approx(np.mean(terms) + 0.1)


@pytest.mark.parametrize("test", ["hoeffding-bentkus", "betting"])
def test_joint_tests_hold_for_patients_of_two_kinds_whose_average_error_is_alpha(
    test: str,
) -> None:
    """Of 80 patients 40 are never bad and 40 are bad with .2; all are accepted."""
    bad = np.arange(41)
    losses = np.stack([losses_of(80, int(k), 80, 0.1) for k in bad], axis=1)
    assert excess(p_values_of(losses, 0.1, test), binom.pmf(bad, 40, 0.2)) < 1e-9


def test_joint_losses_of_unequal_patients_and_weights_are_these_numbers() -> None:
    # patient 0 has three cases, patient 1 one; alpha .1, threshold .5
    found = joint_losses(
        np.array([0.9, 0.8, 0.2, 0.7]),
        np.array([True, False, True, False]),
        np.array([0.5]),
        0.1,
        np.array([0, 0, 0, 1]),
        np.array([1.0, 0.5, 1.0, 0.8]),
    )
    # (1 x .9 - .5 x .1 + 0) / 3 + .1, and -.8 x .1 + .1
    assert found[:, 0] == pytest.approx([0.85 / 3 + 0.1, 0.02])


def test_losses_of_whole_patients_equal_a_loop() -> None:
    rng = np.random.default_rng(2)
    best = rng.random(20)
    worst = np.where(rng.random(20) < 0.5, best * rng.random(20), -np.inf)
    found = patient_losses(best, worst, np.array([0.2, 0.6]), 0.3)
    for i in range(20):
        for j, t in enumerate((0.2, 0.6)):
            expected = 0.3 if best[i] < t else float(worst[i] >= t)
            assert found[i, j] == expected


def test_betting_certifies_accepted_patients_that_hoeffding_bentkus_does_not() -> None:
    # 50 of 100 accepted, none bad
    losses = losses_of(50, 0, 100, 0.1)[:, None]
    betting, bentkus = (p_values_of(losses, 0.1, test)[0] for test in ("betting", "hb"))
    assert betting < 0.1 < bentkus
