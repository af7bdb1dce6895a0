import numpy as np
import pytest

from segqc_conformal.corruption import ReferenceMasks, elastic, shift
from segqc_conformal.corruption.reference_masks import masks_of


@pytest.mark.parametrize("seed", range(5))
def test_a_full_shift_leaves_nothing_in_place(seed, volume):
    reference = masks_of(volume(0), {"core": 1})
    moved = shift(reference, np.random.default_rng(seed))(1.0)
    assert not (moved & reference.masks).any()


def test_a_shift_keeps_shape_and_size_between_whole_voxels():
    mask = np.zeros((1, 30, 30), dtype=bool)
    mask[0, 12:18, 12:18] = True
    path = shift(ReferenceMasks(mask, (1.0, 1.0)), np.random.default_rng(3))
    sizes = [np.count_nonzero(path(strength)) for strength in np.linspace(0, 0.8, 9)]
    assert np.abs(np.array(sizes) - 36).max() <= 6  # one row at most is seen twice or not at all


@pytest.mark.parametrize("kind", [elastic, shift])
def test_structures_move_together_and_never_overlap(kind, volume):
    path = kind(masks_of(volume(0), {"core": 1, "rim": 2}), np.random.default_rng(0))
    for strength in (0.1, 0.3, 0.6):
        assert path(strength).sum(axis=0).max() == 1


def test_elastic_displacement_is_smooth():
    mask = np.zeros((1, 60, 60), dtype=bool)
    mask[0, 20:40, 20:40] = True
    bent = elastic(ReferenceMasks(mask, (1.0, 1.0)), np.random.default_rng(0))(0.05)[0]
    edges = np.count_nonzero(np.diff(bent.astype(int), axis=0)), np.count_nonzero(mask)
    assert edges[0] <= 60  # 40 for the square itself: no dust
    assert 0.8 < np.count_nonzero(bent) / edges[1] < 1.2
