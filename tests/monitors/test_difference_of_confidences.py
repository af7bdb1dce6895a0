import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import difference_of_confidences


def test_closed_form_of_both_estimates() -> None:
    found = difference_of_confidences(
        [0.875, 0.625], [0.75, 0.5], [0.5, 0.5], 0.7, [0.75, 0.25], [0.25, 0.5]
    )["all"]
    assert found.mean_dice == 0.625 + 0.5 - 0.75
    assert found.share_bad == 0.5 + 0.5 - 0.375
    assert (found.calibration_cases, found.cases, found.spread) == (2, 2, None)


@settings(max_examples=60, deadline=None)
@given(st.floats(-0.3, 0.3))
def test_a_constant_bias_cancels(bias: float) -> None:
    old, dice, new = np.array([0.5, 0.7]), [0.4, 0.7], np.array([0.45, 0.6, 0.5])
    plain = difference_of_confidences(old, dice, new)["all"].mean_dice
    found = difference_of_confidences(old + bias, dice, new + bias)["all"].mean_dice
    assert found == pytest.approx(plain, abs=1e-12)


def test_a_slope_between_confidence_and_dice_does_not() -> None:
    old = np.linspace(0.6, 0.9, 50)
    found = difference_of_confidences(old, 2 * old - 0.9, old - 0.1)["all"].mean_dice
    assert found - np.mean(2 * (old - 0.1) - 0.9) == pytest.approx(0.1)


def test_estimates_stay_in_the_unit_interval() -> None:
    low = difference_of_confidences([0.9], [0.1], [0.2], 0.8, [0.9], [0.0])["all"]
    high = difference_of_confidences([0.1], [0.9], [0.9], 0.8, [0.1], [0.9])["all"]
    assert (low.mean_dice, low.share_bad, high.mean_dice, high.share_bad) == (0.0, 1.0, 1.0, 0.0)


def test_probabilities_of_one_side_only_or_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="p_above and new_p_above, or neither"):
        difference_of_confidences([0.5], [0.5], [0.5], p_above=[0.5])
    with pytest.raises(InputError, match="new_p_above"):
        difference_of_confidences([0.5], [0.5], [0.5], p_above=[0.5], new_p_above=[1.5])
    assert difference_of_confidences([0.5], [0.5], [0.5])["all"].share_bad is None
