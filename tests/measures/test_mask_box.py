import numpy as np
import pytest
import torch

from segqc_conformal.measures.mask_box import judged_box, mask_box
from segqc_conformal.uncertainty.bit_planes import BitPlanes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure


def judged(mask: np.ndarray, spacing: tuple[float, ...]) -> JudgedStructure:
    values = torch.from_numpy(mask)
    return JudgedStructure("a", None, 2, {}, BitPlanes(), values, values.long(), spacing)


def test_margin_is_rounded_up_and_cut_at_the_border():
    mask = np.zeros((10, 10), dtype=bool)
    mask[1, 5:7] = True
    box = judged_box(judged(mask, (1.5, 0.9)), 2.0)
    assert box.slices == (slice(0, 4), slice(2, 10))


@pytest.mark.parametrize("shape", [(30,), (9, 8), (7, 6, 5), (6, 1, 7), (4, 3, 5, 4)])
def test_boxes_of_a_mask_and_of_the_judged_mask_are_the_same(shape):
    mask = np.random.default_rng(0).random(shape) < 0.05
    mask.reshape(-1)[mask.size // 2] = True
    box, twin = mask_box(mask), judged_box(judged(mask, (1.0,) * len(shape)))
    assert box.slices == twin.slices
    assert box.shape == twin.shape == shape
    np.testing.assert_array_equal(box.mask, twin.mask)
    assert box.mask.sum() == mask.sum()


def test_flat_indices_are_those_of_the_whole_grid():
    mask = np.random.default_rng(0).random((7, 6, 5)) < 0.05
    box = judged_box(judged(mask, (1.0, 1.0, 1.0)), 1.0)
    assert box.flat_indices(box.mask).tolist() == np.flatnonzero(mask).tolist()


@pytest.mark.parametrize("corner", [(0, 0), (4, 5), (2, 2)])
def test_cut_around_adds_one_voxel_of_zeros_outside_the_grid(corner):
    mask = np.zeros((5, 6), dtype=bool)
    mask[corner] = True
    values = np.arange(1, 31).reshape(5, 6)
    around = np.pad(values, 1)[corner[0] : corner[0] + 3, corner[1] : corner[1] + 3]
    np.testing.assert_array_equal(mask_box(mask).cut_around(values), around)


def test_empty_mask_has_no_box():
    empty = np.zeros((3, 3), dtype=bool)
    assert mask_box(empty) is None
    assert judged_box(judged(empty, (1.0, 1.0)), 2.0) is None
