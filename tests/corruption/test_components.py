import numpy as np
from scipy.ndimage import label

from segqc_conformal.corruption import ReferenceMasks, added_components, dropped_components


def two_squares():
    mask = np.zeros((1, 30, 30), dtype=bool)
    mask[0, 4:10, 4:10] = mask[0, 18:24, 18:24] = True
    return ReferenceMasks(mask, (1.0, 1.0))


def test_half_the_strength_drops_one_of_two_equal_components():
    reference = two_squares()
    dropped = set()
    for seed in range(10):
        left = dropped_components(reference, np.random.default_rng(seed))(0.5)[0]
        squares = left[4:10, 4:10], left[18:24, 18:24]
        assert sorted(square.mean() for square in squares) == [0.0, 1.0]
        dropped.add(bool(squares[0].all()))
    assert dropped == {True, False}


def test_exactly_the_share_of_voxels_goes():
    path = dropped_components(two_squares(), np.random.default_rng(0))
    assert [int(path(share).sum()) for share in (0.0, 0.25, 0.75, 1.0)] == [72, 54, 18, 0]


def test_blobs_are_added_beside_what_is_there_and_few():
    reference = two_squares()
    for seed in range(10):
        grown = added_components(reference, np.random.default_rng(seed))(0.15)
        assert grown[reference.masks].all()
        added = grown & ~reference.masks
        assert added.any()
        assert label(added[0])[1] <= 4  # three blobs, of which a square may cut one in two


def test_blobs_are_as_large_in_mm_along_every_axis():
    mask = np.zeros((1, 80, 20), dtype=bool)
    mask[0, 30:50, 8:13] = True
    path = added_components(ReferenceMasks(mask, (1.0, 4.0)), np.random.default_rng(5))
    numbers, count = label(path(0.2)[0] & ~mask[0])
    largest = numbers == 1 + np.argmax([np.sum(numbers == k + 1) for k in range(count)])
    height, width = (np.ptp(np.flatnonzero(largest.any(axis=axis))) + 1 for axis in (1, 0))
    assert 0.5 < height * 1.0 / (width * 4.0) < 2.0
