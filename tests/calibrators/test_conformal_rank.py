from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import beta, binom

from segqc_conformal.calibrators.conformal_rank import marginal_rank, pac_rank

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
