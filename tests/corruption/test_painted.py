import numpy as np

from segqc_conformal.corruption.painted import painted


def test_other_structures_stay_as_they_are():
    reference = np.array([3, 3, 1, 1, 2, 0])
    grown = np.array([[True] * 6])
    assert painted(reference, grown, (1,)).tolist() == [3, 3, 1, 1, 2, 1]
    assert painted(reference, ~grown, (1,)).tolist() == [3, 3, 0, 0, 2, 0]
    assert reference.tolist() == [3, 3, 1, 1, 2, 0]


def test_a_structure_that_left_makes_room():
    reference = np.array([1, 1, 2, 2, 0])
    moved = np.array([[False, False, True, True, False], [False, False, False, False, True]])
    assert painted(reference, moved, (1, 2)).tolist() == [0, 0, 1, 1, 2]


def test_overlapping_regions_stay_a_stack():
    reference = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0]])
    masks = np.array([[False, True, False], [True, True, True]])
    assert painted(reference, masks, (1, 2)).tolist() == [[0, 1, 0], [1, 1, 1], [1, 0, 0]]
