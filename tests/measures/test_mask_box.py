import numpy as np
import pytest

from segqc_conformal.measures.mask_box import mask_box


def test_margin_is_rounded_up_and_cut_at_the_border():
    mask = np.zeros((10, 10), dtype=bool)
    mask[1, 5:7] = True
    box = mask_box(mask, 2.0, (1.5, 0.9))
    assert box.slices == (slice(0, 4), slice(2, 10))


def test_flat_indices_are_those_of_the_whole_grid():
    mask = np.random.default_rng(0).random((7, 6, 5)) < 0.05
    box = mask_box(mask, 1.0, (1.0, 1.0, 1.0))
    assert box.flat_indices(box.mask).tolist() == np.flatnonzero(mask).tolist()


@pytest.mark.parametrize("corner", [(0, 0), (4, 5), (2, 2)])
def test_cut_around_adds_one_voxel_of_zeros_outside_the_grid(corner):
    mask = np.zeros((5, 6), dtype=bool)
    mask[corner] = True
    values = np.arange(1, 31).reshape(5, 6)
    box = mask_box(mask, 0.0, (1.0, 1.0))
    around = np.pad(values, 1)[corner[0] : corner[0] + 3, corner[1] : corner[1] + 3]
    np.testing.assert_array_equal(box.cut_around(values), around)


def test_empty_mask_has_no_box():
    assert mask_box(np.zeros((3, 3), dtype=bool), 2.0, (1.0, 1.0)) is None
