from itertools import pairwise, permutations

import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.area_under_risk import augrc, aurc, e_aurc, naurc


def over_orders(score, loss, area):
    """Average an area over every order that sorts by score: ties in all their orders."""
    found = []
    for order in permutations(range(len(score))):
        ordered = [score[i] for i in order]
        if ordered == sorted(ordered, reverse=True):
            found.append(area([loss[i] for i in order]))
    return np.mean(found)


def mean_risk(losses):
    return np.mean([sum(losses[:k]) / k for k in range(1, len(losses) + 1)])


def trapezoids(losses):
    risks = [sum(losses[:k]) / k for k in range(1, len(losses) + 1)]
    return sum((a + b) / 2 / len(losses) for a, b in pairwise(risks))


def generalised(losses):
    return np.mean([sum(losses[:k]) / len(losses) for k in range(1, len(losses) + 1)])


@pytest.mark.parametrize("seed", range(5))
def test_areas_are_means_over_all_orders_of_tied_cases(seed):
    rng = np.random.default_rng(seed)
    score, loss = rng.integers(0, 3, 6).astype(float), rng.random(6)
    assert aurc(score, loss) == pytest.approx(over_orders(score, loss, mean_risk))
    found = aurc(score, loss, convention="trapezoid")
    assert found == pytest.approx(over_orders(score, loss, trapezoids))
    assert augrc(score, loss) == pytest.approx(over_orders(score, loss, generalised))


def test_constant_risk_by_the_convention_of_the_benchmarks():
    # literature figures: n = 20, risk 0.3 gives 0.285 and not 0.3
    score, loss = np.arange(20.0), np.full(20, 0.3)
    assert aurc(score, loss) == pytest.approx(0.3)
    assert aurc(score, loss, convention="trapezoid") == pytest.approx(0.285)


@pytest.mark.parametrize("convention", ["rectangle", "trapezoid"])
def test_excess_and_normalised_areas_use_one_convention(convention):
    rng = np.random.default_rng(2)
    score, loss = rng.random(7), rng.random(7)
    area = {"rectangle": mean_risk, "trapezoid": trapezoids}[convention]
    found = area(loss[np.argsort(-score)])
    best, chance = area(np.sort(loss)), over_orders(np.zeros(7), loss, area)
    assert e_aurc(score, loss, convention=convention) == pytest.approx(found - best)
    expected = (chance - found) / (chance - best)
    assert naurc(score, loss, convention=convention) == pytest.approx(expected)


@pytest.mark.parametrize("convention", ["rectangle", "trapezoid"])
def test_perfect_order_is_one_and_a_constant_score_zero(convention):
    loss = np.random.default_rng(3).random(30)
    assert naurc(-loss, loss, convention=convention) == pytest.approx(1.0)
    assert naurc(np.ones(30), loss, convention=convention) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(naurc(loss, np.full(30, 0.2), convention=convention))


def test_one_case_has_its_own_risk_and_no_trapezoid():
    assert aurc([1.0], [0.4]) == 0.4
    assert aurc([1.0], [0.4], convention="trapezoid") == 0.0


def test_unknown_convention_is_refused():
    with pytest.raises(InputError, match="rectangle"):
        aurc([1.0], [0.5], convention="simpson")
