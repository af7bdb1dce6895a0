import numpy as np
import pytest
from numpy.typing import ArrayLike

from segqc_conformal.calibrators.nonconformity import (
    checked_scale,
    checked_values,
    residual,
    scale_must_match,
)
from segqc_conformal.errors import InputError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.1, np.nan], r"finite dice in \[0, 1\]; received nan in row 1"),
        ([1.5, 0.1], r"finite dice in \[0, 1\]; received 1.5 in row 0"),
        ([[0.1]], r"dice of a 1-D array; received shape \(1, 1\)"),
    ],
)
def test_the_first_bad_row_is_named(values: ArrayLike, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked_values("dice", values, low=0.0, high=1.0)


def test_an_open_end_does_not_admit_infinity() -> None:
    assert checked_values("HD95", [0.0, 1e300], low=0.0).tolist() == [0.0, 1e300]
    with pytest.raises(InputError, match=r"finite HD95 in \[0, inf\); received inf in row 0"):
        checked_values("HD95", [np.inf], low=0.0)


def test_no_values_are_sound_values() -> None:
    assert checked_values("dice", [], low=0.0, high=1.0).size == 0


@pytest.mark.parametrize("scale", [[0.0, 1.0], [-0.1, 1.0], [np.nan, 1.0], [np.inf, 1.0], [1.0]])
def test_a_scale_is_positive_finite_and_as_long_as_the_cases(scale: list[float]) -> None:
    with pytest.raises(InputError, match="positive scale"):
        checked_scale(scale, np.zeros(2))


def test_errors_by_side() -> None:
    predicted, true = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    assert residual(predicted, true, "lower").tolist() == [0.25, -0.25]
    assert residual(predicted, true, "upper").tolist() == [-0.25, 0.25]
    assert residual(predicted, true, "two-sided").tolist() == [0.25, 0.25]


def test_an_unrecorded_scale_is_taken_as_it_comes() -> None:
    scale_must_match(None, None)
    scale_must_match(None, [1.0])
    with pytest.raises(InputError, match="received no scale"):
        scale_must_match(True, None)
