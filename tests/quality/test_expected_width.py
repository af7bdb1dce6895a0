import numpy as np
import pytest

from segqc_conformal.quality.expected_width import (
    POWERS,
    levels_around,
    power_scale,
    preferred_power,
    widths_by_power,
)


def skewed(rows: int = 400, power: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions, and Dice whose error grows as a power of 1 - predicted."""
    rng = np.random.default_rng(2)
    predicted = rng.uniform(0.3, 0.95, rows)
    dice = predicted + 0.1 * rng.uniform(-1, 1, rows) * (1 - predicted) ** power
    return np.clip(dice, 0, 1), predicted


def test_width_is_that_of_the_interval_averaged_over_levels() -> None:
    dice, predicted = skewed()
    found = widths_by_power(dice, predicted, 0.2)
    for power in POWERS:
        scale = np.maximum((1 - predicted) ** power, 0.005)
        widths = []
        for level in (0.9, 0.85, 0.8, 0.75, 0.7):
            margin = np.quantile(np.abs(dice - predicted) / scale, level) * scale
            low, high = np.maximum(predicted - margin, 0), np.minimum(predicted + margin, 1)
            widths.append(np.mean(high - low))
        assert found[power] == pytest.approx(np.mean(widths))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_the_power_of_the_errors_is_found(power: float) -> None:
    widths = widths_by_power(*skewed(power=power), 0.1)
    assert min(widths, key=lambda one: widths[one]) == power


def test_levels_stay_levels_for_a_large_miscoverage() -> None:
    assert levels_around(0.9).min() == 0.0
    assert levels_around(0.1)[2] == pytest.approx(0.9)


def test_a_scale_is_never_zero() -> None:
    assert power_scale(np.array([1.0, 0.0]), 0.5).tolist() == [0.005, 1.0]


def test_the_first_power_within_five_percent_is_preferred() -> None:
    assert preferred_power({0.5: 1.049, 1.0: 1.0}) == 0.5
    assert preferred_power({0.5: 1.051, 1.0: 1.0}) == 1.0
