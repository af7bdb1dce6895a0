import numpy as np
import pytest

from segqc_conformal.quality.net.error_targets import intolerable_errors

REFERENCE = np.zeros((20, 20), bool)
REFERENCE[5:15, 5:15] = True


def wrong(mask: np.ndarray, outside: float = 2.0, inside: float = 2.0, smallest: int = 3) -> int:
    return int(intolerable_errors(mask, REFERENCE, (1.0, 1.0), outside, inside, smallest).sum())


def test_a_perfect_mask_has_none() -> None:
    assert wrong(REFERENCE) == 0


def test_a_rim_within_the_tolerance_is_tolerated_and_one_beyond_it_is_not() -> None:
    grown = np.zeros_like(REFERENCE)
    grown[3:17, 5:15] = True
    assert wrong(grown, outside=2.0) == 0
    assert wrong(grown, outside=1.0) == 20  # the outer row on either side


def test_the_tolerance_inside_is_its_own() -> None:
    cut = REFERENCE.copy()
    cut[5:9] = False
    # rows 5 to 8 lie 1 to 4 mm from the outside of the reference; columns count as well
    assert wrong(cut, inside=4.0) == 0
    assert wrong(cut, inside=3.0) == 4
    assert wrong(cut, outside=0.0, inside=3.0) == 4


def test_a_few_voxels_that_hang_together_are_tolerated() -> None:
    spot = REFERENCE.copy()
    spot[0, 0:4] = True
    assert wrong(spot, smallest=4) == 4
    assert wrong(spot, smallest=5) == 0


def test_of_an_empty_reference_every_voxel_is_too_far() -> None:
    empty = np.zeros_like(REFERENCE)
    assert intolerable_errors(REFERENCE, empty, (1.0, 1.0), 9.0, 9.0, 1).sum() == 100


def test_an_empty_mask_misses_the_deep_part() -> None:
    assert wrong(np.zeros_like(REFERENCE), inside=2.0) == 36


@pytest.mark.parametrize("step", [0.5, 3.0])
def test_the_tolerance_is_in_mm(step: float) -> None:
    grown = np.zeros_like(REFERENCE)
    grown[3:17, 5:15] = True
    found = intolerable_errors(grown, REFERENCE, (step, 1.0), 2.0, 2.0, 1).sum()
    assert found == (0 if step == 0.5 else 40)
