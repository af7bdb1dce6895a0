import numpy as np

from segqc_conformal.corruption import ReferenceMasks, dropped_slices


def test_whole_slices_go_across_the_axis_of_the_largest_spacing():
    mask = np.zeros((2, 10, 10, 8), dtype=bool)
    mask[0, 2:8, 2:5, 2:7], mask[1, 2:8, 5:8, 2:7] = True, True  # five slices of 36 voxels
    path = dropped_slices(ReferenceMasks(mask, (1.0, 1.0, 5.0)), np.random.default_rng(0))
    for gone in range(6):
        left = path(gone / 5)
        filled = left.any(axis=0).reshape(-1, 8).sum(axis=0)
        assert sorted(filled[2:7]) == [0] * gone + [36] * (5 - gone)
        assert np.array_equal(left[0].any(axis=(0, 1)), left[1].any(axis=(0, 1)))


def test_a_slice_goes_line_by_line():
    mask = np.ones((1, 6, 4), dtype=bool)
    left = dropped_slices(ReferenceMasks(mask, (5.0, 1.0)), np.random.default_rng(0))(0.125)[0]
    assert sorted(left.sum(axis=1)) == [1, 4, 4, 4, 4, 4]


def test_of_equal_spacings_any_axis_is_taken():
    mask = np.ones((1, 6, 6), dtype=bool)
    reference = ReferenceMasks(mask, (1.0, 1.0))
    left = [dropped_slices(reference, np.random.default_rng(s))(0.5)[0] for s in range(10)]
    assert {bool((each.all(axis=1) | ~each.any(axis=1)).all()) for each in left} == {True, False}
