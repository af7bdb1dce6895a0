import numpy as np
import pytest
from numpy.typing import NDArray

from segqc_conformal.calibrators.joint_risk import JointRiskCertificate, JointRiskThreshold


def world(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    score = rng.random(n)
    return score, np.where(rng.random(n) < 0.5 * (1 - score), 0.5, 0.9)


@pytest.mark.parametrize("decimals", [1, 8])
def test_the_accepted_cases_equal_a_search_over_thresholds(decimals: int) -> None:
    rng = np.random.default_rng(0)
    for n in (20, 24, 25, 100, 499):
        score, dice = world(n, rng)
        score, new = score.round(decimals), rng.random(40).round(decimals)
        accepted = JointRiskThreshold().calibrate(score, dice).accept(new)
        for value, got in zip(new, accepted, strict=True):
            # released if the loss of the calibration patients at this strictness, with a bad new
            # patient among them, stays within alpha
            risk = (np.sum((dice <= 0.8) & (score >= value)) + 1) / (n + 1)
            assert got == (risk <= 0.04 + 1e-12)


def test_24_patients_are_the_fewest_for_4_in_100() -> None:
    for n, expected in ((24, -np.finfo(np.float64).max), (23, None)):
        found = JointRiskThreshold().calibrate(np.ones(n), np.full(n, 0.9))
        assert found.threshold == expected
        assert found.accept([0.0, -np.inf]).tolist() == [expected is not None, False]


def risk(n: int, draws: int, allowed_more: int) -> float:
    """Return P(accepted and bad) where every case is bad, so that the bound is attained."""
    rng, released = np.random.default_rng(1), 0.0
    for _ in range(draws):
        found = JointRiskThreshold().calibrate(rng.random(n), np.full(n, 0.5))
        assert found.threshold is not None
        limit = np.nextafter(found.threshold, -np.inf)  # the score of the last one held back
        index = found.calibration.scores.index(limit) + allowed_more
        released += 1.0 - found.calibration.scores[index]
    return released / draws


def test_the_expected_risk_attains_alpha_and_one_more_release_is_caught() -> None:
    slack = 2 * 0.04 / np.sqrt(2000)
    assert abs(risk(24, 2000, allowed_more=0) - 0.04) <= slack
    assert risk(24, 2000, allowed_more=1) > 0.04 + slack  # the twin: K / (n + 1) <= alpha


def test_weighted_limits_equal_the_weighted_risk_written_out() -> None:
    rng = np.random.default_rng(2)
    score, dice = world(200, rng)
    weights, own, new = rng.random(200) + 0.1, 3 * rng.random(60), rng.random(60)
    found = JointRiskThreshold().calibrate(score, dice, weights=weights, weights_are="known")
    for value, w, got in zip(new, own, found.accept(new, own), strict=True):
        over = weights[(dice <= 0.8) & (score >= value)].sum() + w
        assert got == (over / (weights.sum() + w) <= 0.04)


def test_equal_weights_accept_as_no_weights() -> None:
    rng = np.random.default_rng(3)
    for n in (24, 49, 99, 74):
        score, dice = world(n, rng)
        plain = JointRiskThreshold().calibrate(score, dice)
        equal = JointRiskThreshold().calibrate(score, dice, None, np.full(n, 0.3), "known")
        new = np.r_[rng.random(50), score]
        assert (plain.accept(new) == equal.accept(new, np.full(new.size, 0.3))).all()


def test_known_weights_keep_the_risk_under_shift_and_forgetting_them_is_caught() -> None:
    rng, draws = np.random.default_rng(4), 1500
    risks: dict[str, list[float]] = {"weighted": [], "forgotten": []}
    for _ in range(draws):
        hard = rng.random(100) < 0.2
        score = rng.random(100)
        dice = np.where(rng.random(100) < np.where(hard, 0.8, 0.1), 0.5, 0.9)
        weights = np.where(hard, 4.0, 0.25)
        new_hard, new_score = rng.random(50) < 0.8, rng.random(50)
        bad = rng.random(50) < np.where(new_hard, 0.8, 0.1)
        found = JointRiskThreshold().calibrate(score, dice, None, weights, "known")
        plain = JointRiskThreshold().calibrate(score, dice)
        own = np.where(new_hard, 4.0, 0.25)
        risks["weighted"].append(float((found.accept(new_score, own) & bad).mean()))
        risks["forgotten"].append(float((plain.accept(new_score) & bad).mean()))
    slack = 2 * float(np.std(risks["weighted"])) / np.sqrt(draws)
    assert np.mean(risks["weighted"]) <= 0.04 + slack
    assert np.mean(risks["forgotten"]) > 0.04 + slack


def test_the_promise_counts_bad_releases_per_100_cases_in_all() -> None:
    promise = JointRiskThreshold().calibrate([0.5], [0.9]).promise
    assert promise.startswith("At most 4 bad releases (accepted with Dice <= 0.8) per 100 cases")
    assert "on average" in promise


def test_json_round_trip_is_exact() -> None:
    score, dice = world(50, np.random.default_rng(5))
    found = JointRiskThreshold().calibrate(score, dice, None, score + 0.1, "estimated")
    assert JointRiskCertificate.from_json(found.to_json()) == found


def test_a_case_is_accepted_at_the_threshold_and_held_back_just_below() -> None:
    score, dice = world(99, np.random.default_rng(6))
    found = JointRiskThreshold().calibrate(score, dice)
    assert found.threshold is not None
    below = np.nextafter(found.threshold, -np.inf)
    assert below in found.calibration.scores
    assert found.accept([found.threshold, below]).tolist() == [True, False]


def test_infinite_scores_are_counted_and_leave_json_without_infinity() -> None:
    score, dice = np.r_[np.full(2, np.inf), np.full(2, -np.inf), np.zeros(21)], np.full(25, 0.9)
    dice[:4] = 0.5
    found = JointRiskThreshold().calibrate(score, dice)
    assert (found.calibration.patients, len(found.calibration.scores)) == (25, 2)
    assert JointRiskCertificate.from_json(found.to_json()) == found
    # two bad patients at +inf, none may be released: only +inf would be above them, so nobody is
    assert found.threshold is None
    assert not found.accept([np.inf, 5.0]).any()
    few = JointRiskThreshold().calibrate(score[2:], dice[2:])
    assert few.threshold is None  # 23 patients
    loose = JointRiskThreshold(tolerated_releases=0.2).calibrate(score, dice)
    assert loose.accept([np.inf, 0.0, -np.inf]).tolist() == [True, True, False]


def test_too_few_patients_are_told_with_the_number_needed() -> None:
    few = JointRiskThreshold().calibrate(np.ones(23), np.full(23, 0.9)).promise
    assert "Nobody can be accepted, so every case is referred: at least 24 calibration" in few
    assert "Nobody" not in JointRiskThreshold().calibrate(np.ones(24), np.full(24, 0.9)).promise


def test_the_weight_above_which_a_case_is_referred_is_told_and_true() -> None:
    ones = np.ones(48)
    found = JointRiskThreshold().calibrate(ones, 0.9 * ones, None, ones, "known")
    assert "A case of weight above 2 is always referred." in found.promise
    assert found.accept([1.0, 1.0], [2.0, 2.001]).tolist() == [True, False]
