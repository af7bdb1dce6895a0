import numpy as np
import pytest
import torch

from segqc_conformal.dice import dice
from segqc_conformal.uncertainty import bit_planes
from segqc_conformal.uncertainty.bit_planes import BitPlanes, pairwise_dice


def random_masks(samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    masks = rng.random((samples, 5, 6, 7)) < 0.3
    masks[:, 2, 2] |= rng.random((samples, 1)) < 0.98  # voxels that nearly all samples share
    masks[0] = False  # an empty sample
    return masks


def planes_of(masks: np.ndarray) -> BitPlanes:
    planes = BitPlanes()
    for mask in masks:
        planes.add(torch.from_numpy(mask))
    return planes


@pytest.mark.parametrize("samples", [1, 2, 62, 63, 64, 130])
def test_counts_equal_a_double_loop_for_any_number_of_samples(samples):
    masks = random_masks(samples)
    shared = planes_of(masks).intersections()
    expected = [[np.count_nonzero(a & b) for b in masks] for a in masks]
    np.testing.assert_array_equal(shared, expected)
    np.testing.assert_array_equal(
        pairwise_dice(shared), [[dice(a, b) for b in masks] for a in masks]
    )


@pytest.mark.parametrize("samples", [1, 62, 63, 64, 130])
def test_iou_of_all_equals_intersection_over_union(samples):
    masks = random_masks(samples)[1:] if samples > 1 else random_masks(2)[1:]
    expected = np.count_nonzero(masks.all(0)) / np.count_nonzero(masks.any(0))
    assert planes_of(masks).iou_of_all() == expected


def test_one_empty_sample_makes_the_iou_zero_and_all_empty_one():
    masks = random_masks(3)
    assert planes_of(masks).iou_of_all() == 0.0
    assert planes_of(np.zeros_like(masks)).iou_of_all() == 1.0


def test_dice_of_empty_samples_follows_the_rule_of_the_package():
    masks = np.zeros((3, 4), dtype=bool)
    masks[2, 0] = True
    result = pairwise_dice(planes_of(masks).intersections())
    assert result.tolist() == [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def test_counts_within_a_set_of_voxels_equal_a_loop():
    masks = random_masks(70)
    judged = np.random.default_rng(5).random((5, 6, 7)) < 0.4
    inside = torch.from_numpy(np.flatnonzero(judged))
    expected = [np.count_nonzero(mask & judged) for mask in masks]
    np.testing.assert_array_equal(planes_of(masks).counts_within(inside), expected)


def test_counting_in_small_pieces_changes_nothing(monkeypatch):
    masks = random_masks(70)
    whole = planes_of(masks).intersections()
    monkeypatch.setattr(bit_planes, "_BITS_AT_ONCE", 700)
    np.testing.assert_array_equal(planes_of(masks).intersections(), whole)
