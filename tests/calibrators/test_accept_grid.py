import numpy as np
import pytest

from segqc_conformal.calibrators import AcceptThreshold, accept_grid
from segqc_conformal.errors import InputError


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


def world(n: int, floor: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and bad flags; the error never falls below `floor`, even at the top."""
    score = rng.random(n)
    risk = np.where(score > 0.3, floor, floor + 0.8 * (0.3 - score) / 0.3)
    return score, rng.random(n) < risk


def certified_and_violated(floor: float, labels: bool, draws: int) -> tuple[float, float]:
    rng = np.random.default_rng(6)
    settings = AcceptThreshold(tolerated_error=0.1, confidence=0.9)
    new_score, new_bad = world(50_000, floor, rng)
    certified = violated = 0
    for _ in range(draws):
        tuning, tuning_bad = world(160, floor, rng)
        grid = accept_grid(tuning, 160, tuning_bad=tuning_bad if labels else None, size=20)
        score, bad = world(160, floor, rng)
        certificate = settings.calibrate(score, np.where(bad, 0.5, 0.9), grid)
        if certificate.threshold is not None:
            certified += 1
            violated += new_bad[certificate.accept(new_score)].mean() > 0.1
    return certified / draws, violated / draws


def test_fit_labels_choose_a_start_that_gets_certified_where_errors_have_a_floor() -> None:
    with_labels, _ = certified_and_violated(0.04, labels=True, draws=150)
    without, _ = certified_and_violated(0.04, labels=False, draws=150)
    assert with_labels > without + 0.15


def test_a_start_chosen_by_fit_labels_keeps_the_promise() -> None:
    # at floor .1 every threshold is at or beyond the tolerated error: each certificate violates
    certified, _ = certified_and_violated(0.1, labels=True, draws=400)
    assert certified <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / 400)


def test_nan_scores_unequal_lengths_missing_flags_and_negative_counts_are_refused() -> None:
    with pytest.raises(InputError, match="tuning scores"):
        accept_grid([0.5, np.nan], 100)
    with pytest.raises(InputError, match="tuning scores of a 1-D array"):
        accept_grid(np.ones((2, 2)), 100)
    with pytest.raises(InputError, match="tuning bad flags"):
        accept_grid([0.5, 0.6], 100, tuning_bad=[True])
    with pytest.raises(InputError, match=r"tuning bad flags.*nan in row 1"):
        accept_grid([0.5, 0.6], 100, tuning_bad=[0.0, np.nan])
    with pytest.raises(InputError, match="0 or more calibration patients"):
        accept_grid([0.5], -1)
