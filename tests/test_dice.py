import numpy as np
import pytest

from segqc_conformal.dice import dice, dice_from_volumes
from segqc_conformal.errors import GeometryError


def masks(*texts: str) -> list[np.ndarray]:
    return [np.array([letter == "x" for letter in text]) for text in texts]


@pytest.mark.parametrize(
    ("mask", "reference", "expected"),
    [
        ("xx..", "xx..", 1.0),
        ("xx..", "..xx", 0.0),
        ("xxx.", ".x..", 0.5),
        ("....", "....", 1.0),
        ("....", "x...", 0.0),
        ("x...", "....", 0.0),
    ],
)
def test_dice_of_two_masks_with_the_rule_for_empty_ones(mask, reference, expected):
    assert dice(*masks(mask, reference)) == expected
    assert dice(*masks(reference, mask)) == expected


def test_dice_equals_the_set_formula_on_random_masks():
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = rng.random((2, 4, 5, 6)) < rng.random()
        first, second = set(np.flatnonzero(a)), set(np.flatnonzero(b))
        total = len(first) + len(second)
        assert dice(a, b) == (2 * len(first & second) / total if total else 1.0)


def test_other_shapes_are_refused():
    with pytest.raises(GeometryError, match=r"shape \(2,\); received \(3,\)"):
        dice(np.zeros(2, bool), np.zeros(3, bool))


def test_volumes_broadcast():
    result = dice_from_volumes([[2.0], [0.0]], [[4.0], [0.0]], [4.0, 0.0])
    assert result.tolist() == [[0.5, 1.0], [0.0, 1.0]]


def test_counts_beyond_float32_stay_exact():
    assert dice_from_volumes(2**40, 2**40, 2**40 + 2) == 2**41 / (2**41 + 2)
