import numpy as np
import pytest
from scipy.stats import binom, norm

from segqc_conformal.calibrators.masks.risk_test import (
    RISK_TESTS,
    fewest_patients_to_certify,
    risk_p_value,
)


@pytest.mark.parametrize("n", [20, 60, 200, 1000])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_binary_losses_at_the_boundary_reject_at_most_delta_exactly(n, alpha):
    # every possible count, weighted by its exact probability: no simulation noise
    counts = np.arange(n + 1)
    chance = binom.pmf(counts, n, alpha)
    for test in RISK_TESTS:
        p = [risk_p_value(test, np.r_[np.ones(k), np.zeros(n - k)], alpha) for k in counts]
        for delta in (0.05, 0.1, 0.2):
            assert chance[np.array(p) <= delta].sum() <= delta


def test_a_twin_that_trusts_the_normal_approximation_is_caught():
    n, alpha, delta = 20, 0.1, 0.1
    counts = np.arange(n + 1)
    mean = counts / n
    spread = np.sqrt(np.maximum(mean * (1 - mean), 1e-12) / n)
    chance = binom.pmf(counts, n, alpha)
    assert chance[norm.cdf((mean - alpha) / spread) <= delta].sum() > delta


@pytest.mark.parametrize("test", RISK_TESTS)
def test_continuous_losses_at_the_boundary_reject_at_most_delta(test):
    rng = np.random.default_rng(0)
    for a, b in ((0.2, 1.8), (2.0, 18.0)):  # mean 0.1
        losses = rng.beta(a, b, (1500, 100))
        p = np.array([risk_p_value(test, row, 0.1) for row in losses])
        assert (p <= 0.1).mean() <= 0.1 + 2 * np.sqrt(0.09 / 1500)
    shifted = np.array([risk_p_value(test, row - 0.01, 0.1) for row in losses])
    assert (shifted <= 0.1).mean() >= (p <= 0.1).mean()


@pytest.mark.parametrize("test", RISK_TESTS)
def test_p_values_grow_with_every_loss_and_ignore_the_order(test):
    rng = np.random.default_rng(1)
    for _ in range(50):
        losses = rng.beta(0.5, 8, 40)
        worse = losses.copy()
        worse[rng.integers(40)] = 1.0
        p = risk_p_value(test, losses, 0.1)
        assert p <= risk_p_value(test, worse, 0.1)
        assert risk_p_value(test, losses[::-1], 0.1) == pytest.approx(p, rel=1e-12)


def test_betting_certifies_little_varying_losses_that_hoeffding_bentkus_does_not():
    losses = np.random.default_rng(2).beta(5, 95, 60)
    assert (
        risk_p_value("betting", losses, 0.1) < 0.1 < risk_p_value("hoeffding-bentkus", losses, 0.1)
    )


def test_a_hundred_thousand_patients_neither_overflow_nor_underflow():
    for test in RISK_TESTS:
        assert risk_p_value(test, np.ones(100_000), 0.1) == 1.0
        assert risk_p_value(test, np.zeros(100_000), 0.1) == 0.0
        assert risk_p_value(test, np.empty(0), 0.1) == 1.0


@pytest.mark.parametrize("test", RISK_TESTS)
def test_fewest_patients_is_the_first_number_that_rejects(test):
    for alpha, level in ((0.1, 0.1), (0.05, 0.05), (0.2, 0.001)):
        n = fewest_patients_to_certify(test, alpha, level)
        assert risk_p_value(test, np.zeros(n), alpha) <= level
        assert risk_p_value(test, np.zeros(n - 1), alpha) > level
