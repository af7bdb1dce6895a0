import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.calibrators.predictive_distribution import (
    DicePredictiveDistribution,
    PredictiveDistributionCertificate,
)
from segqc_conformal.errors import InputError


def world(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    predicted = rng.uniform(0.2, 0.95, n)
    scale = 0.02 + 0.2 * (1 - predicted)
    return predicted, scale, np.clip(predicted + rng.normal(0, scale), 0, 1)


def discrete(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    return np.full(n, 0.75), np.full(n, 0.5), rng.choice([0.5, 0.75, 1.0], n, p=[0.2, 0.3, 0.5])


def test_bounds_equal_the_counts_written_out() -> None:
    rng = np.random.default_rng(0)
    for draw in (world, discrete):
        predicted, scale, dice = draw(37, rng)
        found = DicePredictiveDistribution().calibrate(predicted, dice, scale)
        new, new_scale, t = *draw(50, rng)[:2], rng.choice([0.25, 0.5, 0.75, 0.8], 50)
        low, high = found.probability_bounds(new, new_scale, t)
        for i in range(50):
            values = [
                new[i] + new_scale[i] * (y - f) / s
                for f, s, y in zip(predicted, scale, dice, strict=True)
            ]
            above = sum(v > t[i] + 1e-12 for v in values)
            at = sum(abs(v - t[i]) <= 1e-12 for v in values)
            assert low[i] == pytest.approx(above / 38)
            assert high[i] == pytest.approx((above + at + 1) / 38)


def test_single_value_is_the_middle_of_the_band() -> None:
    found = DicePredictiveDistribution().calibrate(np.full(19, 0.5), np.linspace(0.05, 0.95, 19))
    assert found.probability_above([0.5], None, 0.72)[0] == pytest.approx((5 / 20 + 6 / 20) / 2)


def test_mass_outside_the_support_sits_at_its_ends() -> None:
    found = DicePredictiveDistribution().calibrate(np.full(19, 0.5), np.linspace(0.05, 0.95, 19))
    low, high = found.probability_bounds(np.full(4, 0.9), None, [-0.1, 0.99, 1.0, 2.0])
    assert (low[0], high[0]) == (1.0, 1.0)
    assert low[1] == pytest.approx(8 / 20)  # predicted above 1 counts as 1: still above .99
    assert (low[2:].tolist(), high[2:].tolist()) == ([0.0, 0.0], [0.0, 0.0])


def test_a_distance_has_no_upper_end() -> None:
    found = DicePredictiveDistribution(support=(0, np.inf)).calibrate([5.0] * 9, np.arange(9.0))
    assert found.probability_above([5.0], None, 1e9)[0] == pytest.approx(0.05)
    assert found.probability_above([5.0], None, -1.0)[0] == 1.0
    assert PredictiveDistributionCertificate.from_json(found.to_json()) == found


def test_no_patients_leave_everything_possible() -> None:
    low, high = DicePredictiveDistribution().calibrate([], []).probability_bounds([0.5], None, 0.8)
    assert (low[0], high[0]) == (0.0, 1.0)


@pytest.mark.parametrize("miscoverage", [0.05, 0.1, 0.2])
def test_ends_of_one_sided_intervals_are_quantiles_of_the_distribution(miscoverage: float) -> None:
    rng = np.random.default_rng(1)
    for n in (19, 20, 39, 60, 199):
        predicted, scale, dice = world(n, rng)
        found = DicePredictiveDistribution().calibrate(predicted, dice, scale)
        new, new_scale, _ = world(30, rng)
        low, _ = (
            DiceInterval(miscoverage, "lower")
            .calibrate(predicted, dice, scale)
            .interval(new, new_scale)
        )
        _, high = (
            DiceInterval(miscoverage, "upper")
            .calibrate(predicted, dice, scale)
            .interval(new, new_scale)
        )
        inside = (low > 0) & (high < 1)
        assert inside.any()
        for step, kept in ((-1e-9, True), (1e-9, False)):
            below, _ = found.probability_bounds(new, new_scale, low + step)
            _, above = found.probability_bounds(new, new_scale, high - step)
            assert ((below >= 1 - miscoverage - 1e-12) == kept)[inside].all()
            assert ((above <= miscoverage + 1e-12) == kept)[inside].all()


def pits(draw, n: int, draws: int, leak: bool = False) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(2)
    out = np.empty(draws)
    for i in range(draws):
        predicted, scale, dice = draw(n + 1, rng)
        fitted = 0.5 * predicted + 0.5 * dice if leak else predicted
        found = DicePredictiveDistribution().calibrate(fitted[1:], dice[1:], scale[1:])
        out[i] = found.pit(predicted[:1], scale[:1], dice[:1], rng)[0]
    return out


@pytest.mark.parametrize("draw", [world, discrete])
@pytest.mark.parametrize("n", [3, 30])
def test_pit_of_new_patients_is_uniform_also_with_ties_and_a_leak_is_caught(draw, n: int) -> None:  # type: ignore[no-untyped-def]
    # one value per calibration: 3,000 independent ones
    assert kstest(pits(draw, n, 3000), "uniform").pvalue > 0.01
    assert kstest(pits(draw, n, 3000, leak=True), "uniform").pvalue < 1e-6


def test_patients_count_once_and_json_is_exact() -> None:
    predicted, scale, dice = world(40, np.random.default_rng(3))
    found = DicePredictiveDistribution().calibrate(
        predicted, dice, scale, patients=np.arange(40) // 2
    )
    assert len(found.errors) == 20
    assert "20 calibration patients" in found.promise
    assert PredictiveDistributionCertificate.from_json(found.to_json()) == found


def test_bad_values_are_refused() -> None:
    found = DicePredictiveDistribution().calibrate([0.5], [0.5])
    with pytest.raises(InputError, match="finite t in"):
        found.probability_above([0.5], None, np.nan)
    with pytest.raises(InputError, match="received a scale"):
        found.probability_above([0.5], [0.1], 0.8)
    with pytest.raises(InputError, match="dice"):
        DicePredictiveDistribution().calibrate([0.5], [1.5])


def test_errors_too_large_for_a_number_are_the_largest_one() -> None:
    scale = np.full(19, 1e-307)
    found = DicePredictiveDistribution().calibrate(np.full(19, -500.0), np.ones(19), scale)
    assert found.errors == (np.finfo(np.float64).max,) * 19
    low, high = found.probability_bounds([-500.0, 500.0], [1e-307, 1e-307], 0.5)
    assert (low[0], high[0]) == (0.0, 1.0)  # tied: nothing is known
    assert (low[1], high[1]) == (0.95, 1.0)
    assert PredictiveDistributionCertificate.from_json(found.to_json()) == found
