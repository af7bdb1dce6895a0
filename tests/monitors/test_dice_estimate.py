"""The three label-free estimates together: right under benign shift, wrong under concept shift."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import (
    DiceEstimate,
    difference_of_confidences,
    direct_estimate,
    thresholded_confidence,
)
from segqc_conformal.monitors.dice_estimate import rows_by_structure

Floats = NDArray[np.float64]
Cases = tuple[Floats, Floats, Floats, Floats]  # predicted, scale, p_above, dice


def cases(seed: int, number: int, mean: float, bias: float = 0.0, harm: float = 0.0) -> Cases:
    """Draw cases whose predictor is off by `bias`; `harm` lowers Dice without its noticing."""
    rng = np.random.default_rng(seed)
    expected = np.clip(rng.normal(mean, 0.08, number), 0.3, 0.95)
    scale = 0.02 + 0.1 * (1 - expected)
    noise = rng.uniform(-1.5, 1.5, number)
    dice = np.clip(expected + scale * noise - harm, 0, 1)
    p_above = np.clip(((expected - 0.8) / scale + 1.5) / 3, 0, 1)
    return expected + bias, scale, p_above, dice


def direct(old: Cases, new: Cases) -> DiceEstimate:
    return direct_estimate(old[0], old[1], old[3], new[0], new[1])["all"]


def thresholded(old: Cases, new: Cases) -> DiceEstimate:
    return thresholded_confidence(old[0], old[3], new[0])["all"]


def difference(old: Cases, new: Cases) -> DiceEstimate:
    return difference_of_confidences(old[0], old[3], new[0], p_above=old[2], new_p_above=new[2])[
        "all"
    ]


METHODS = pytest.mark.parametrize("method", [direct, thresholded, difference])
Method = Callable[[Cases, Cases], DiceEstimate]


@METHODS
@pytest.mark.parametrize("bias", [0.0, -0.05])
def test_under_a_benign_shift_of_the_cases_estimates_are_near_the_truth(
    method: Method, bias: float
) -> None:
    old, new = cases(1, 1500, 0.84, bias), cases(2, 4000, 0.77, bias)
    truth, share = new[3].mean(), np.mean(new[3] <= 0.8)
    found = method(old, new)
    assert abs(old[3].mean() - truth) > 0.05
    assert found.mean_dice == pytest.approx(truth, abs=0.01)
    assert found.share_bad == pytest.approx(share, abs=0.04)
    assert abs(np.mean(old[3] <= 0.8) - share) > 0.2


@METHODS
def test_under_concept_shift_estimates_do_not_move_so_they_are_no_alarms(method: Method) -> None:
    old, new, harmed = cases(1, 1500, 0.84), cases(2, 2000, 0.84), cases(2, 2000, 0.84, harm=0.15)
    assert method(old, harmed) == method(old, new)
    assert method(old, harmed).mean_dice - harmed[3].mean() > 0.13
    share = method(old, harmed).share_bad
    assert share is not None
    assert np.mean(harmed[3] <= 0.8) - share > 0.5


@METHODS
def test_an_estimate_on_the_calibration_cases_is_their_dice(method: Method) -> None:
    # a bias that is not in units of the scale costs the direct estimate a little of its shape
    old = cases(3, 800, 0.84, bias=0.04)
    assert method(old, old).mean_dice == pytest.approx(old[3].mean(), abs=3e-3)
    assert method(old, old).share_bad == pytest.approx(np.mean(old[3] <= 0.8), abs=0.05)
    assert (method(old, old).calibration_cases, method(old, old).cases) == (800, 800)


def test_estimates_are_by_structure_and_pooling_them_is_wrong() -> None:
    # the predictor is too high for a and too low for b, and the mix of the two changes
    a, b = cases(4, 900, 0.84, bias=0.1), cases(5, 900, 0.84, bias=-0.1)
    predicted, dice = np.r_[a[0], b[0]], np.r_[a[3], b[3]]
    structures = ["a"] * 900 + ["b"] * 900
    new = np.r_[a[0], b[0][:100]]
    by = {"structures": structures, "new_structures": ["a"] * 900 + ["b"] * 100}
    ones, new_ones = np.ones(1800), np.ones(1000)
    for found in (
        direct_estimate(predicted, ones, dice, new, new_ones, **by),
        thresholded_confidence(predicted, dice, new, **by),
        difference_of_confidences(predicted, dice, new, **by),
    ):
        assert sorted(found) == ["a", "b"]
        assert (found["a"].cases, found["b"].cases) == (900, 100)
        assert found["a"].mean_dice == pytest.approx(a[3].mean(), abs=2e-3)
        assert found["b"].mean_dice == pytest.approx(b[3][:100].mean(), abs=0.02)
    pooled = difference_of_confidences(predicted, dice, new)["all"]
    assert abs(pooled.mean_dice - np.r_[a[3], b[3][:100]].mean()) > 0.05


def test_only_structures_of_new_cases_are_estimated_and_unknown_ones_refused() -> None:
    found = list(rows_by_structure(["b", "a", "c"], 3, ["c", "a"], 2))
    assert [name for name, _, _ in found] == ["a", "c"]
    for old, number, new, new_number in (
        (["a"], 1, ["b"], 1),
        (None, 1, ["b"], 1),
        (["a"], 1, None, 1),
        (None, 0, None, 1),
        (None, 1, None, 0),
        (["a"], 2, ["a"], 1),
        (["a", None], 2, ["a"], 1),
    ):
        with pytest.raises(InputError):
            list(rows_by_structure(old, number, new, new_number))
    with pytest.raises(InputError, match=r"\['b'\] among 1 new cases"):
        list(rows_by_structure(["a"], 1, ["b"], 1))


def test_words_say_that_nothing_is_promised() -> None:
    assert DiceEstimate(9, 4, 0.5, None, None).in_words == (
        "Estimated without labels, and not promised: mean Dice 0.500 (4 cases)."
    )
