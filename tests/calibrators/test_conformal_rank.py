from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy.stats import beta, binom

from segqc_conformal.calibrators.conformal_rank import (
    conformal_quantile,
    marginal_rank,
    pac_rank,
)

LEVELS = ["0.01", "0.02", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.4", "0.5", "0.75", "0.9"]


@pytest.mark.parametrize("level", LEVELS)
def test_marginal_rank_is_never_off_by_one_up_to_2000_patients(level: str) -> None:
    for n in range(2001):
        numerator = (n + 1) * (1 - Fraction(level))
        expected = -(-numerator.numerator // numerator.denominator)
        assert marginal_rank(n, float(level)) == (expected if expected <= n else None)


def test_nine_patients_give_a_finite_interval_at_90_percent_and_eight_do_not() -> None:
    assert marginal_rank(9, 0.1) == 9
    assert marginal_rank(8, 0.1) is None


@pytest.mark.parametrize(("n", "rank"), [(100, 96), (300, 279), (1000, 916), (28, None), (29, 29)])
def test_pac_rank_at_95_percent_confidence(n: int, rank: int | None) -> None:
    assert pac_rank(n, 0.1, 0.95) == rank


def test_pac_needs_22_patients_at_confidence_90() -> None:
    assert pac_rank(21, 0.1, 0.9) is None
    assert pac_rank(22, 0.1, 0.9) == 22


def test_pac_rank_is_the_smallest_whose_beta_law_keeps_coverage() -> None:
    for n in range(22, 400, 7):
        rank = pac_rank(n, 0.1, 0.9)
        assert rank is not None
        # coverage given the calibration set is Beta(k, n + 1 - k)
        assert beta.cdf(0.9, rank, n + 1 - rank) <= 0.1 + 1e-12
        assert rank == 1 or beta.cdf(0.9, rank - 1, n + 2 - rank) > 0.1
        assert binom.sf(rank - 1, n, 0.9) == pytest.approx(beta.cdf(0.9, rank, n + 1 - rank))


def test_pac_rank_is_never_below_the_marginal_rank() -> None:
    for n in np.arange(30, 600, 13):
        pac, marginal = pac_rank(int(n), 0.1, 0.9), marginal_rank(int(n), 0.1)
        assert pac is not None
        assert marginal is not None
        assert pac >= marginal


def exact_pac_rank(n: int, alpha: Fraction, delta: Fraction) -> int | None:
    tail, rank = Fraction(0), None
    for k in range(n, 0, -1):
        tail += comb(n, k) * (1 - alpha) ** k * alpha ** (n - k)
        if tail > delta:
            break
        rank = k
    return rank


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("confidence", ["0.5", "0.75", "0.9", "0.95"])
def test_pac_rank_equals_exact_fractions(level: str, confidence: str) -> None:
    for n in [*range(0, 60, 3), 119, 153]:
        expected = exact_pac_rank(n, Fraction(level), 1 - Fraction(confidence))
        assert pac_rank(n, float(level), float(confidence)) == expected


def test_a_tail_that_equals_delta_counts_as_kept() -> None:
    # P(Bin(2, 1/2) >= 2) = 1/4, and P(Bin(35, 1/2) >= 18) = 1/2, which floats miss
    assert pac_rank(2, 0.5, 0.75) == 2
    assert pac_rank(35, 0.5, 0.5) == 18


def test_conformal_quantile_is_the_order_statistic_of_its_rank() -> None:
    rng = np.random.default_rng(0)
    for n in (9, 22, 57, 300):
        values = rng.normal(size=n).round(1)
        for confidence in (None, 0.9):
            rank = marginal_rank(n, 0.1) if confidence is None else pac_rank(n, 0.1, confidence)
            expected = None if rank is None else np.sort(values)[rank - 1]
            assert conformal_quantile(values, 0.1, confidence) == expected
