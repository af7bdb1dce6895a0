import numpy as np

from segqc_conformal.calibrators import accept_grid


def test_start_is_expected_to_accept_twice_the_fewest_patients() -> None:
    scores = np.random.default_rng(0).random(20_000)
    grid = accept_grid(scores, 500, tolerated_error=0.1, confidence=0.95)
    wanted = 2.0 * np.log(0.05) / np.log(0.9)
    assert abs(500 * (scores >= grid[0]).mean() - wanted) < 0.1
    assert abs((scores >= grid[-1]).mean() - 0.98) < 1e-3


def test_thresholds_run_strict_to_loose_without_repeats_and_stay_finite() -> None:
    scores = np.r_[np.full(30, -np.inf), np.repeat([0.1, 0.5, 0.9], 20)]
    grid = accept_grid(scores, 100)
    assert (np.diff(grid) < 0).all()
    assert np.isfinite(grid).all()


def test_no_scores_or_no_patients_give_an_empty_grid() -> None:
    assert accept_grid([], 100).size == 0
    assert accept_grid([0.5], 0).size == 0
    assert accept_grid([-np.inf], 50).size == 0
