import numpy as np
import pytest
from numpy.typing import NDArray

from segqc_conformal.calibrators import AcceptThreshold, DiceInterval
from segqc_conformal.calibrators.accepted_interval import (
    AcceptedInterval,
    AcceptedIntervalCertificate,
)
from segqc_conformal.calibrators.conformal_rank import pac_rank
from segqc_conformal.errors import InputError

GRID = np.arange(20)[::-1] / 20


def test_each_threshold_has_the_pac_quantile_of_those_it_accepts() -> None:
    rng = np.random.default_rng(0)
    score, predicted, dice = rng.random(200), rng.random(200), rng.random(200)
    scale = 0.1 + rng.random(200)
    found = AcceptedInterval(0.2, confidence=0.9).calibrate(
        score, predicted, dice, GRID[:15], scale
    )
    for t, n, quantile in zip(found.thresholds, found.accepted, found.quantiles, strict=True):
        errors = np.sort((np.abs(predicted - dice) / scale)[score >= t])
        rank = pac_rank(errors.size, 0.2, 1 - 0.1 / 15)
        assert n == errors.size
        assert quantile == (None if rank is None else errors[rank - 1])


def test_interval_is_that_of_the_threshold_and_others_are_refused() -> None:
    score = np.arange(100) / 100
    found = AcceptedInterval().calibrate(score, np.ones(100), 0.5 + score / 2, [0.4, 0.0, 0.99])
    low, high = found.interval(0.4, [0.9])
    assert (low[0], high[0]) == pytest.approx((0.9 - 0.29, 1.0), abs=0.01)
    assert found.interval(0.0, [0.9])[0][0] < low[0]
    assert found.interval(0.99, [0.9])[0][0] == 0.0
    with pytest.raises(InputError, match="calibrated grid"):
        found.interval(0.5, [0.9])
    with pytest.raises(InputError, match="received a scale"):
        found.interval(0.4, [0.9], [0.1])


def test_repeated_thresholds_and_rows_of_a_patient_count_once() -> None:
    found = AcceptedInterval().calibrate(
        np.ones(60), np.ones(60), np.ones(60), [0.5, 0.5], patients=np.arange(60) // 2
    )
    assert (found.thresholds, found.accepted, found.patients) == ((0.5,), (30,), 30)


def test_an_empty_prediction_is_never_among_the_accepted() -> None:
    score = np.r_[np.full(40, 1.0), -np.inf]
    found = AcceptedInterval().calibrate(score, np.ones(41), np.r_[np.ones(40), 0.0], [0.0])
    assert (found.accepted, found.quantiles) == ((40,), (0.0,))


def test_promise_and_json() -> None:
    found = AcceptedInterval().calibrate(np.ones(60), np.ones(60), np.ones(60), [0.5, 0.2])
    assert "whichever of its 2 thresholds is used to accept" in found.promise
    assert "Nothing is promised about referred ones" in found.promise
    assert AcceptedIntervalCertificate.from_json(found.to_json()) == found
    few = AcceptedInterval().calibrate(np.ones(20), np.ones(20), np.ones(20), [0.5])
    assert few.promise.startswith("Too few accepted calibration patients")
    assert AcceptedIntervalCertificate.from_json(few.to_json()) == few


def test_all_thresholds_hold_together_and_undivided_delta_does_not() -> None:
    # errors independent of the score and uniform: the coverage of a quantile is the quantile
    rng = np.random.default_rng(1)
    together = apart = 0
    each = AcceptedInterval()
    for _ in range(500):
        score, error = rng.random(600), rng.random(600)
        found = each.calibrate(score, np.ones(600), 1 - error, GRID)
        together += any(q is not None and q < 0.9 for q in found.quantiles)
        twin = [each.calibrate(score, np.ones(600), 1 - error, [t]).quantiles[0] for t in GRID[4:]]
        apart += any(q is not None and q < 0.9 for q in twin)
    assert together / 500 <= 0.1
    assert apart / 500 > 0.1 + 3 * np.sqrt(0.09 / 500)


def lucky(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    score = rng.random(n)
    sd = 0.02 + 0.1 * (score > 0.5)  # the accepted are the worse predicted ones
    predicted = np.full(n, 0.6)
    return score, predicted, np.clip(predicted + rng.normal(0, sd), 0, 1)


def test_accepted_patients_keep_coverage_after_the_threshold_was_learnt_on_the_same_labels() -> (
    None
):
    rng = np.random.default_rng(2)
    new_score, new_predicted, new_dice = lucky(20_000, rng)
    grid = np.linspace(0.8, 0.5, 10)
    short = judged = 0
    marginal = []
    for _ in range(300):
        score, predicted, dice = lucky(400, rng)
        threshold = AcceptThreshold(0.5, tolerated_error=0.3).calibrate(score, dice, grid).threshold
        if threshold is None:
            continue
        accepted = new_score >= threshold
        found = AcceptedInterval().calibrate(score, predicted, dice, grid)
        low, high = found.interval(threshold, new_predicted[accepted])
        truth = new_dice[accepted]
        judged += 1
        short += ((low <= truth) & (truth <= high)).mean() < 0.9
        low, high = DiceInterval().calibrate(predicted, dice).interval(new_predicted[accepted])
        marginal.append(((low <= truth) & (truth <= high)).mean())
    assert judged > 200
    assert short / judged <= 0.1
    assert np.mean(marginal) < 0.87  # the twin: the interval of all cases, on accepted ones


@pytest.mark.parametrize("settings", [{"miscoverage": 0.0}, {"confidence": 1.0}, {"side": "up"}])
def test_impossible_settings_are_refused(settings) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        AcceptedInterval(**settings)


def test_promise_names_the_thresholds_that_have_the_support_only() -> None:
    score = np.arange(100) / 100
    found = AcceptedInterval().calibrate(score, np.ones(100), score, [0.95, 0.9, 0.4, 0.0])
    assert [quantile is None for quantile in found.quantiles] == [True, True, False, False]
    assert "at the thresholds 0.95, 0.9: every interval there is [0, 1]" in found.promise
    found = AcceptedInterval().calibrate(score, np.ones(100), score, [0.4, 0.0])
    assert "every interval there" not in found.promise
