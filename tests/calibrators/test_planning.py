import numpy as np
import pytest
from scipy.stats import binom

from segqc_conformal.calibrators.planning import (
    accepted_and_bad,
    calibration_size,
    certification_chance,
    largest_tolerable_bad,
    likely_chance,
)
from segqc_conformal.errors import InputError


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
def test_largest_tolerable_bad_equals_a_search(alpha: float, confidence: float) -> None:
    table = largest_tolerable_bad(200, alpha, confidence)
    delta = round(1 - confidence, 12)
    for n in range(201):
        assert table[n] == (binom.cdf(np.arange(n + 1), n, alpha) <= delta).sum() - 1


def test_certification_chance_equals_a_simulation() -> None:
    rng = np.random.default_rng(0)
    accepted = rng.binomial(120, 0.4, 200_000)
    bad = rng.binomial(accepted, 0.03)
    certified = binom.cdf(bad, accepted, 0.1) <= 0.1
    chance = certification_chance(120, 0.4, 0.03)
    assert chance == pytest.approx(certified.mean(), abs=0.004)


def test_calibration_size_is_the_first_that_reaches_the_chance() -> None:
    size = calibration_size(0.5, 0.02, chance=0.8)
    assert size is not None
    assert certification_chance(size, 0.5, 0.02) >= 0.8
    assert certification_chance(size - 1, 0.5, 0.02) < 0.8


def test_everything_accepted_without_error_needs_22_patients() -> None:
    assert calibration_size(1.0, 0.0) == 22


def test_an_error_at_the_tolerated_one_is_never_planned() -> None:
    assert calibration_size(1.0, 0.1) is None


def test_percentages_are_refused() -> None:
    with pytest.raises(InputError, match="shares, not percentages"):
        calibration_size(50, 2)


def test_counts_equal_a_loop_with_ties_and_minus_infinity() -> None:
    scores = np.array([1.0, 2.0, 2.0, -np.inf, 3.0])
    bad = np.array([True, True, False, True, False])
    thresholds = np.array([3.5, 3.0, 2.0, 1.5, 0.0])
    accepted, errors = accepted_and_bad(scores, bad, thresholds)
    for t, n, k in zip(thresholds, accepted, errors, strict=True):
        assert (n, k) == ((scores >= t).sum(), (bad & (scores >= t)).sum())


def test_likely_chance_averages_over_what_few_patients_leave_open() -> None:
    rng = np.random.default_rng(3)
    errors = rng.beta(1.5, 39.5, 4000)  # posterior after 1 bad of 40
    chances = [certification_chance(100, 0.5, float(error)) for error in errors]
    assert likely_chance(100, 0.5, 40, 1) == pytest.approx(np.mean(chances), abs=0.03)
    assert likely_chance(100, 0.5, 40, 0) < certification_chance(100, 0.5, 0.0)
