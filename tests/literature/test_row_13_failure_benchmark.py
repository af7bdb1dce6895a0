"""Row 13, Zenk et al. (2024): AURC by the benchmark's convention, without its order of ties."""

import numpy as np
import pytest

from segqc_conformal.evaluation.area_under_risk import aurc, naurc


def in_the_order_given(score, loss):
    """Trapezoids over coverage [1/n, 1] of one sorted list; what ties hold is left to chance."""
    sorted_loss = loss[np.argsort(-score, kind="stable")]
    risk = np.cumsum(sorted_loss) / np.arange(1, loss.size + 1)
    return (risk[1:] + risk[:-1]).sum() / 2 / loss.size


def test_row_13_aurc_is_the_benchmarks_where_no_scores_tie():
    rng = np.random.default_rng(0)
    for _ in range(5):
        score, loss = rng.random(40), rng.random(40)
        expected = in_the_order_given(score, loss)
        assert aurc(score, loss, convention="trapezoid") == pytest.approx(expected)
    constant = np.full(20, 0.3)
    assert in_the_order_given(rng.random(20), constant) == pytest.approx(0.285)
    assert aurc(rng.random(20), constant, convention="trapezoid") == pytest.approx(0.285)


def test_row_13_ties_have_one_value_where_the_benchmark_has_many():
    rng = np.random.default_rng(1)
    score, loss = rng.integers(0, 4, 20).astype(float), rng.random(20)
    orders = [rng.permutation(20) for _ in range(50)]
    ours = [aurc(score[o], loss[o], convention="trapezoid") for o in orders]
    theirs = [in_the_order_given(score[o], loss[o]) for o in orders]
    assert np.ptp(ours) < 1e-12
    assert np.ptp(theirs) > 0.005


def test_row_13_twin_with_shuffled_scores_ranks_like_chance():
    rng = np.random.default_rng(2)
    loss = rng.random(200)
    assert naurc(-loss + rng.normal(0, 0.05, 200), loss) > 0.9
    assert abs(naurc(rng.permutation(-loss), loss)) < 0.2
