import numpy as np
import pytest

from segqc_conformal.calibrators import AcceptThreshold, accept_grid


def test_start_is_expected_to_accept_twice_the_fewest_patients() -> None:
    scores = np.random.default_rng(0).random(20_000)
    grid = accept_grid(scores, 500, tolerated_error=0.1, confidence=0.95)
    wanted = 2.0 * np.log(0.05) / np.log(0.9)
    assert abs(500 * (scores >= grid[0]).mean() - wanted) < 0.1
    assert abs((scores >= grid[-1]).mean() - 0.98) < 1e-3


def test_few_patients_start_at_three_fifths_of_all_or_at_the_factor_1_3() -> None:
    scores = np.random.default_rng(0).random(20_000)
    fewest = np.log(0.1) / np.log(0.9)
    for patients, expected in ((60, 0.6 * 60), (40, 1.3 * fewest), (20, 0.98 * 20)):
        start = accept_grid(scores, patients)[0]
        assert abs(patients * (scores >= start).mean() - expected) < 0.1


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


def test_fit_labels_choose_a_stricter_start_where_few_patients_calibrate() -> None:
    """With 60 patients the usual start accepts 36, the worse ones among them included."""

    def good_model(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        score = rng.random(n)
        return score, rng.random(n) < np.where(score < 0.55, 0.5, 0.005)

    rng, draws = np.random.default_rng(8), 120
    certified = {True: 0, False: 0}
    for _ in range(draws):
        tuning, tuning_bad = good_model(60, rng)
        score, bad = good_model(60, rng)
        for labels in (True, False):
            grid = accept_grid(tuning, 60, tuning_bad=tuning_bad if labels else None)
            found = AcceptThreshold().calibrate(score, np.where(bad, 0.5, 0.9), grid)
            certified[labels] += found.threshold is not None
    assert certified[True] > certified[False] + 0.2 * draws


def test_the_start_stays_where_labels_do_not_ask_for_another() -> None:
    rng = np.random.default_rng(9)
    scores = rng.random(400)
    assert accept_grid(scores, 400, tuning_bad=scores < 0.1)[0] == accept_grid(scores, 400)[0]


@pytest.mark.parametrize("labels", [False, True])
def test_the_loosest_threshold_is_the_lowest_score_of_a_predicted_structure(labels: bool) -> None:
    scores = np.r_[np.full(10, -np.inf), np.linspace(0.2, 1, 90)]
    grid = accept_grid(scores, 40, tuning_bad=np.zeros(100, bool) if labels else None)
    assert grid[-1] == 0.2
