import json
from fractions import Fraction
from itertools import product
from math import exp, isfinite, log

import numpy as np
import pytest

from segqc_conformal.monitors.martingale import JUMP_RATES, JumperMixture


def plain_statistics(p_values: list[float], shrink: float = 0.0) -> tuple[float, float]:
    """Return mixed wealth and mean Shiryaev-Roberts in exact fractions, by the definitions."""
    wealths, restarted = [], []
    for rate in map(Fraction, JUMP_RATES):
        shares, wealth, statistic = [Fraction(1, 3)] * 3, Fraction(1), Fraction(0)
        for p in map(Fraction, p_values):
            mixed = [(1 - rate) * share + rate / 3 for share in shares]
            bets = [1 + e * (p - Fraction(1, 2)) - abs(e) * Fraction(shrink) for e in (-1, 0, 1)]
            won = [share * bet for share, bet in zip(mixed, bets, strict=True)]
            step = sum(won)
            shares = [share / step for share in won]
            wealth *= step
            statistic = step * (1 + statistic)
        wealths.append(wealth)
        restarted.append(statistic)
    return float(sum(wealths) / len(wealths)), float(sum(restarted) / len(restarted))


def test_statistics_equal_exact_fractions() -> None:
    p_values = np.random.default_rng(1).random(25).tolist() + [0.01] * 10
    bets = JumperMixture(horizon=50)
    for p in p_values:
        bets.update(p)
    wealth, restarted = plain_statistics(p_values)
    assert bets.log_wealth == pytest.approx(log(wealth), abs=1e-12)
    assert exp(bets.log_evidence) == pytest.approx((restarted / 50 + wealth) / 2, rel=1e-12)


def test_shrunk_bets_equal_exact_fractions() -> None:
    p_values = np.random.default_rng(1).random(25).tolist() + [0.01] * 10
    bets = JumperMixture(horizon=50)
    for p in p_values:
        bets.update(p, 0.07)
    wealth, restarted = plain_statistics(p_values, 0.07)
    assert bets.log_wealth == pytest.approx(log(wealth), abs=1e-12)
    assert exp(bets.log_evidence) == pytest.approx((restarted / 50 + wealth) / 2, rel=1e-12)


@pytest.mark.parametrize("mean", [0.43, 0.5, 0.57])
def test_shrunk_bets_are_fair_or_worse_for_every_mean_within_the_margin(mean: float) -> None:
    # all sequences of eight p-values of 0 or 1, of which the mean is as far off as it may be
    evidence = {0.0: 0.0, 0.07: 0.0}
    for ones in product((0, 1), repeat=8):
        chance = np.prod([mean if one else 1 - mean for one in ones])
        for shrink in evidence:
            bets = JumperMixture(horizon=8)
            for one in ones:
                bets.update(min(max(one, 1e-9), 1 - 1e-9), shrink)
            evidence[shrink] += chance * exp(bets.log_evidence)
    assert evidence[0.07] <= 1.0
    # twin: without the margin the bets win on a mean that is off
    assert evidence[0.0] > 1.005 or mean == 0.5


def test_mean_evidence_after_the_horizon_is_one() -> None:
    # E[R_N / N] = E[M_N] = 1 under uniform p-values: what the bound rests on.
    rng, runs = np.random.default_rng(2), 1500
    ends = []
    for _ in range(runs):
        bets = JumperMixture(horizon=30)
        for p in rng.random(30).tolist():
            bets.update(p)
        ends.append(exp(bets.log_evidence))
    assert abs(np.mean(ends) - 1.0) < 4 * np.std(ends) / np.sqrt(runs)


def test_nothing_over_or_underflows() -> None:
    # After 1e5 cases the wealth is near exp(+-4e4): its size per case is bounded for ever.
    for p in (1e-12, 0.5, 1 - 1e-12):
        bets = JumperMixture(horizon=10**6)
        for _ in range(100_000):
            bets.update(p)
        numbers = json.dumps(bets.state())
        assert "NaN" not in numbers
        assert "Infinity" not in numbers
        assert isfinite(bets.log_evidence)


def test_going_on_from_a_saved_state_is_bit_for_bit_the_same() -> None:
    p_values = np.random.default_rng(3).random(200).tolist()
    one, two = JumperMixture(100), JumperMixture(100)
    for p in p_values:
        one.update(p)
        two.update(p)
        two = JumperMixture.from_state(json.loads(json.dumps(two.state())), 100)
    assert one.state() == two.state()
