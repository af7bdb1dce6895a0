from fractions import Fraction
from math import exp, isfinite, sqrt

import numpy as np
import pytest

from segqc_conformal.monitors.label_budget import alarm_times
from segqc_conformal.monitors.loss_bets import (
    LossBets,
    error_stakes,
    shortfall_stakes,
    weighted_stakes,
)

ALPHA, HORIZON, FALSE_ALARM, RUNS = 0.10, 1000, 0.05, 2000
SLACK = 2 * sqrt(FALSE_ALARM * (1 - FALSE_ALARM) / RUNS)


def evidence(losses: list[float], bound: float, stakes: tuple[float, ...]) -> float:
    bets = LossBets(bound, stakes)
    for loss in losses:
        bets.update(loss)
    return bets.log_evidence


def test_statistic_equals_exact_fractions() -> None:
    losses = np.random.default_rng(1).random(40).round(3).tolist()
    stakes = shortfall_stakes(0.25)
    found = []
    for stake in map(Fraction, stakes):
        r = Fraction(0)
        for loss in map(Fraction, losses):
            r = (1 + stake * (loss - Fraction(0.25))) * (1 + r)
        found.append(r)
    expected = float(sum(found) / len(found))
    assert exp(evidence(losses, 0.25, stakes)) == pytest.approx(expected, rel=1e-12)


def test_stakes_are_likelihood_ratios_and_never_go_broke() -> None:
    assert [1 + s * 0.95 for s in error_stakes(0.05)] == pytest.approx([1.25, 1.5, 2, 3, 4])
    assert [1 - s * 0.05 for s in error_stakes(0.05)] == pytest.approx(
        [(1 - m * 0.05) / 0.95 for m in (1.25, 1.5, 2, 3, 4)]
    )
    assert len(error_stakes(0.3)) == 4
    assert error_stakes(0.8) == ()
    for bound in (0.01, 0.1, 0.5, 0.79):
        for stakes in (
            error_stakes(bound),
            shortfall_stakes(bound),
            weighted_stakes(bound, 0.02),
        ):
            assert 0.0 < min(stakes) <= max(stakes) < 1.0 / bound


@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_nothing_over_or_underflows(loss: float) -> None:
    assert isfinite(evidence([loss] * 20_000, ALPHA, error_stakes(ALPHA)))


def test_many_streams_at_once_are_the_same_as_one() -> None:
    losses = np.random.default_rng(2).random((400, 3)) < 0.2
    times, _ = alarm_times(losses, ALPHA, error_stakes(ALPHA), HORIZON / FALSE_ALARM)
    for run in range(3):
        bets, found = LossBets(ALPHA, error_stakes(ALPHA)), 0
        for number, bad in enumerate(losses[:, run], start=1):
            bets.update(float(bad))
            if not found and bets.log_evidence >= np.log(HORIZON / FALSE_ALARM):
                found = number
        assert found == times[run] > 0


def boundary(kind: str) -> tuple[np.ndarray, float, tuple[float, ...]]:
    """Return losses of which the mean is exactly the bound."""
    rng = np.random.default_rng(3)
    if kind == "error":
        return rng.random((HORIZON, RUNS)) < ALPHA, ALPHA, error_stakes(ALPHA)
    if kind == "predictable":  # the risk of a case may depend on the last answer
        losses = np.zeros((HORIZON, RUNS), dtype=bool)
        for number in range(HORIZON):
            risk = np.where(losses[number - 1], 0.0, ALPHA) if number else np.full(RUNS, ALPHA)
            losses[number] = rng.random(RUNS) < risk
        return losses, ALPHA, error_stakes(ALPHA)
    few = rng.random((HORIZON, RUNS)) < 0.2
    return np.where(few, 0.5 * rng.random((HORIZON, RUNS)), 0.0), 0.05, shortfall_stakes(0.05)


@pytest.mark.parametrize("kind", ["error", "predictable", "shortfall"])
def test_false_alarms_stay_within_the_bound(kind: str) -> None:
    times, _ = alarm_times(*boundary(kind), HORIZON / FALSE_ALARM)
    assert np.mean(times > 0) <= FALSE_ALARM + SLACK


@pytest.mark.parametrize("threshold", [1 / FALSE_ALARM, HORIZON, HORIZON / (5 * FALSE_ALARM)])
@pytest.mark.parametrize("kind", ["error", "shortfall"])
def test_twins_with_a_threshold_too_small_break_the_bound(kind: str, threshold: float) -> None:
    times, _ = alarm_times(*boundary(kind), threshold)
    assert np.mean(times > 0) > FALSE_ALARM + SLACK


def test_state_of_other_stakes_is_refused() -> None:
    with pytest.raises(ValueError, match="2 bets instead of 5"):
        LossBets(ALPHA, error_stakes(ALPHA)).load([0.0, 0.0])
