from math import inf, nan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import direct_estimate

dice = st.floats(0.0, 1.0)
scale = st.floats(0.01, 3.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(dice, scale, dice), min_size=1, max_size=8),
    st.lists(st.tuples(dice, scale), min_size=1, max_size=8),
)
def test_equals_each_error_put_on_each_new_case(
    old: list[tuple[float, float, float]], new: list[tuple[float, float]]
) -> None:
    predicted, scales, true = np.array(old).T
    new_predicted, new_scales = np.array(new).T
    found = direct_estimate(predicted, scales, true, new_predicted, new_scales)["all"]
    errors = (true - predicted) / scales
    spread_out = np.clip(new_predicted[:, None] + new_scales[:, None] * errors, 0, 1)
    assert found.mean_dice == pytest.approx(spread_out.mean(), abs=1e-12)
    near = np.abs(spread_out - 0.8) < 1e-9
    assert abs((found.share_bad or 0.0) - np.mean(spread_out <= 0.8)) <= near.mean() + 1e-12


def test_a_constant_bias_is_taken_off_in_units_of_the_scale() -> None:
    found = direct_estimate([0.5, 0.5], [0.25, 0.5], [0.375, 0.25], [0.75], [0.5])["all"]
    assert (found.mean_dice, found.share_bad, found.spread) == (0.5, 1.0, 0.0)


def test_spread_is_that_of_the_true_mean_over_calibrations_and_new_cases() -> None:
    rng, gaps, spreads = np.random.default_rng(0), [], []
    for _ in range(2000):
        error, scales = rng.normal(0, 0.5, 30), rng.uniform(0.01, 0.1, 30)
        new_scales, new_error = rng.uniform(0.01, 0.2, 20), rng.normal(0, 0.5, 20)
        found = direct_estimate(
            np.full(30, 0.5), scales, 0.5 + scales * error, np.full(20, 0.6), new_scales
        )["all"]
        gaps.append(found.mean_dice - np.mean(0.6 + new_scales * new_error))
        spreads.append(found.spread)
    assert np.std(gaps) == pytest.approx(np.sqrt(np.mean(np.square(spreads))), rel=0.06)
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / sqrt(2000)


def test_one_calibration_case_has_no_spread() -> None:
    assert direct_estimate([0.5], [1], [0.5], [0.7], [1])["all"].spread is None


@pytest.mark.parametrize(
    "arrays",
    [
        ([nan], [1], [0.5], [0.5], [1]),
        ([0.5], [0], [0.5], [0.5], [1]),
        ([0.5], [1], [1.5], [0.5], [1]),
        ([0.5], [1], [0.5], [-inf], [1]),
        ([0.5], [1], [0.5], [0.5], [1, 1]),
        ([0.5, 0.6], [1, 1], [0.5], [0.5], [1]),
    ],
)
def test_unusable_arrays_are_refused(arrays: tuple[list[float], ...]) -> None:
    with pytest.raises(InputError):
        direct_estimate(*arrays)
    with pytest.raises(InputError, match="dice_threshold"):
        direct_estimate([0.5], [1], [0.5], [0.5], [1], dice_threshold=1.0)
