from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import thresholded_confidence


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=20, unique=True),
    st.lists(st.floats(-6, 6), min_size=1, max_size=20),
    st.randoms(),
)
def test_share_is_that_of_new_scores_below_the_threshold_of_the_paper(
    score: list[float],
    new: list[float],
    order,  # type: ignore[no-untyped-def]
) -> None:
    dice = [order.random() for _ in score]
    found = thresholded_confidence(score, dice, new, 0.5)["all"]
    # the threshold below which lie as many calibration scores as there are bad masks
    number = sum(each <= 0.5 for each in dice)
    edges = [-inf, *sorted(score)[1:], inf]
    threshold = edges[number] if number < len(score) else inf
    assert found.share_bad == pytest.approx(np.mean([each < threshold for each in new]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1)), min_size=1, max_size=30))
def test_on_calibration_itself_exact_also_with_ties(pairs: list[tuple[int, float]]) -> None:
    score, dice = np.array(pairs).T
    found = thresholded_confidence(score, dice, score)["all"]
    assert found.mean_dice == pytest.approx(dice.mean(), abs=1e-12)
    assert found.share_bad == pytest.approx(np.mean(dice <= 0.8), abs=1e-12)
    assert found.spread is None


def test_mean_is_the_sum_of_shares_above_each_level() -> None:
    rng = np.random.default_rng(0)
    score, new = rng.normal(size=50), rng.normal(-0.5, 1, size=70)
    dice = rng.random(50)
    levels = (np.arange(4000) + 0.5) / 4000
    above = [1 - thresholded_confidence(score, dice, new, u)["all"].share_bad for u in levels[::8]]
    found = thresholded_confidence(score, dice, new)["all"]
    assert found.mean_dice == pytest.approx(np.mean(above), abs=2e-3)


def test_scores_outside_the_range_of_calibration_count_as_its_ends() -> None:
    found = thresholded_confidence([-inf, 0.2, 0.4], [0.0, 0.75, 1.0], [-inf, 0.1, 0.3, 9.0])
    assert found["all"].mean_dice == (0.0 + 0.0 + 0.75 + 1.0) / 4
    assert found["all"].share_bad == 0.75
    assert thresholded_confidence([0.2], [0.75], [-inf])["all"].mean_dice == 0.75


def test_any_increasing_change_of_the_score_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    score, dice, new = rng.normal(size=40), rng.random(40), rng.normal(size=30)
    assert thresholded_confidence(score, dice, new) == thresholded_confidence(
        np.exp(score), dice, np.exp(new)
    )


@pytest.mark.parametrize(
    "arrays",
    [([nan], [0.5], [0.5]), ([inf], [0.5], [0.5]), ([0.1], [1.5], [0.5]), ([0.1], [0.5], [nan])],
)
def test_unusable_arrays_are_refused(arrays: tuple[list[float], ...]) -> None:
    with pytest.raises(InputError):
        thresholded_confidence(*arrays)
