import numpy as np
import pytest

from segqc_conformal.calibrators.support import bounded_ends, check_support, support_in_words
from segqc_conformal.errors import InputError


@pytest.mark.parametrize(
    ("support", "words"),
    [
        ((0, 1), "[0, 1]"),
        ((0, np.inf), "[0, inf)"),
        ((-np.inf, np.inf), "(-inf, inf)"),
        ((-np.inf, 2.5), "(-inf, 2.5]"),
    ],
)
def test_infinite_ends_are_open(support: tuple[float, float], words: str) -> None:
    check_support(support)
    assert support_in_words(*support) == words


@pytest.mark.parametrize("support", [(1.0, 0.0), (0.5, 0.5), (np.nan, 1.0), (0.0, 1.0, 2.0)])
def test_a_support_must_increase(support: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="low < high"):
        check_support(support)


def test_an_infinite_quantile_gives_the_whole_support() -> None:
    ends = bounded_ends(np.array([0.5]), np.array([0.5]), np.inf, np.array([1e-300]), (0, np.inf))
    assert [float(end[0]) for end in ends] == [0.0, np.inf]


@pytest.mark.parametrize("quantile", [0.1, -0.1, 0.0])
def test_what_was_measured_lies_inside_despite_rounding(quantile: float) -> None:
    rng = np.random.default_rng(0)
    predicted, scale = rng.random(10_000), 0.01 + rng.random(10_000)
    for sign in (1, -1):
        true = predicted + sign * quantile * scale
        measured = sign * (true - predicted) / scale
        low, high = bounded_ends(predicted, predicted, measured, scale, (-np.inf, np.inf))
        assert (true <= high).all() if sign == 1 else (low <= true).all()
        assert abs((high if sign == 1 else low) - true).max() < 1e-14


def test_inputs_are_left_alone() -> None:
    below = np.array([0.2, 0.9])
    bounded_ends(below, below, 0.5, 1.0, (0.0, 1.0))
    assert below.tolist() == [0.2, 0.9]
