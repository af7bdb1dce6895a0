import numpy as np
import pytest
from numpy.typing import NDArray

from segqc_conformal.calibrators.fixed_sequence import holm, sequence_levels, start_positions
from segqc_conformal.calibrators.p_values import binomial_p_value


def test_one_start_is_the_fixed_sequence() -> None:
    p = np.array([0.01, 0.05, 0.06, 0.01])
    assert (p <= sequence_levels(p, 0.05)).tolist() == [True, True, False, False]
    assert sequence_levels(p, 0.05).tolist() == [0.05, 0.05, 0.05, 0.0]


def test_handed_on_levels_equal_the_rule_written_out() -> None:
    rng = np.random.default_rng(0)
    for starts in (1, 2, 3, 5):
        p = rng.random(40) ** 3
        own = {i * 40 // starts: 0.2 / starts for i in range(starts)}
        before = 0.0
        for i, level in enumerate(sequence_levels(p, 0.2, starts)):
            expected = own.get(i, 0.0) + before
            assert level == pytest.approx(expected)
            before = expected if p[i] <= expected else 0.0


def test_several_starts_never_do_worse_than_separate_sequences() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        p = rng.random(30) ** 4
        passed = p <= sequence_levels(p, 0.1, 3)
        for start in start_positions(3, 30):
            for i in range(start, 30):
                if p[i] > 0.1 / 3:
                    break
                assert passed[i]


def test_holm_equals_the_step_down_rule_and_survives_empty_thresholds() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        p = np.r_[np.ones(3), rng.random(9) ** 3]  # the first three accept nobody
        left, expected = list(range(12)), set()
        while left:
            smallest = min(left, key=lambda i: p[i])
            if p[smallest] > 0.2 / len(left):
                break
            expected.add(smallest)
            left.remove(smallest)
        assert set(np.flatnonzero(holm(p, 0.2))) == expected
    assert holm(np.array([1.0, 1.0, 0.001]), 0.05).tolist() == [False, False, True]


def flat_counts(n: int, draws: int, alpha: float, factor: float) -> tuple[NDArray[np.int64], ...]:
    """Accepted and bad at 50 quantiles of n tuning scores; the error is alpha at each of them.

    Scores are uniform, so the shares are cumulated gaps of order statistics.
    """
    rng = np.random.default_rng(3)
    first = factor * np.log(0.05) / np.log(0.9) / n
    ranks = np.ceil(np.linspace(first, 0.98, 50) * n)
    gaps = rng.standard_gamma(np.diff(np.r_[0.0, ranks, n + 1]), (draws, 51))
    shares = gaps / gaps.sum(axis=1, keepdims=True)
    bins = rng.multinomial(n, shares)[:, :50]
    return np.cumsum(bins, axis=1), np.cumsum(rng.binomial(bins, alpha), axis=1)


def certified(p_values: NDArray[np.float64], delta: float, starts: int = 1) -> float:
    return float(np.mean([(p <= sequence_levels(p, delta, starts)).any() for p in p_values]))


def test_flat_world_of_5000_patients_violates_as_often_as_allowed_and_twins_more() -> None:
    # a late start: with hundreds accepted the test is nearly exact, so a twin stands out
    accepted, bad = flat_counts(5000, 4000, 0.1, factor=10.0)
    p = binomial_p_value(bad, accepted, 0.1)
    assert 0.03 <= certified(p, 0.05) <= 0.056
    assert certified(p, 0.05, starts=3) <= 0.056
    assert np.mean([holm(row, 0.05).any() for row in p]) <= 0.056
    assert certified(p, 0.10) > 0.056  # twin: p <= 2 delta
    assert (p <= 0.05).any(axis=1).mean() > 0.1  # twin: no sequence


def test_a_count_off_by_one_is_caught_at_500_patients() -> None:
    accepted, bad = flat_counts(500, 4000, 0.1, factor=2.0)
    assert certified(binomial_p_value(bad, accepted, 0.1), 0.05) <= 0.05
    assert certified(binomial_p_value(bad - 1, accepted, 0.1), 0.05) > 0.056
