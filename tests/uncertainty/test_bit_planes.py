import numpy as np
import pytest
import torch

from segqc_conformal.dice import dice
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


@pytest.mark.parametrize("samples", [1, 2, 7, 8, 9, 80, 130])
def test_counts_equal_a_double_loop_for_any_number_of_samples(samples):
    masks = random_masks(samples)
    shared = planes_of(masks).intersections()
    expected = [[np.count_nonzero(a & b) for b in masks] for a in masks]
    np.testing.assert_array_equal(shared, expected)
    np.testing.assert_array_equal(
        pairwise_dice(shared), [[dice(a, b) for b in masks] for a in masks]
    )


@pytest.mark.parametrize("samples", [1, 7, 8, 9, 130])
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


@pytest.mark.parametrize("samples", [1, 9, 20])
def test_weighted_counts_equal_sums_over_masks(samples):
    masks, weights = random_masks(samples), np.random.default_rng(1).random(210) + 0.1
    planes, by = planes_of(masks), torch.from_numpy(weights)
    flat = masks.reshape(samples, -1)
    expected = [[weights[a & b].sum() for b in flat] for a in flat]
    np.testing.assert_allclose(planes.intersections(by), expected, rtol=1e-12)
    judged = np.random.default_rng(5).random(210) < 0.4
    within = planes.counts_within(torch.from_numpy(np.flatnonzero(judged)), by)
    np.testing.assert_allclose(within, [weights[m & judged].sum() for m in flat], rtol=1e-12)
    union = weights[flat.any(0)].sum()
    iou = weights[flat.all(0)].sum() / union if union else 1.0
    assert planes.iou_of_all(by) == pytest.approx(iou, rel=1e-12)


@pytest.mark.parametrize("samples", [1, 8, 9, 130, 300])
def test_votes_equal_a_sum_of_masks(samples):
    masks = random_masks(samples)
    np.testing.assert_array_equal(planes_of(masks).votes(), masks.sum(0).reshape(-1))


@pytest.mark.parametrize("voxels", [1, 7, 8, 9, 64, 65])
def test_any_number_of_voxels_is_counted(voxels):
    masks = np.random.default_rng(voxels).random((10, voxels)) < 0.5
    expected = [[np.count_nonzero(a & b) for b in masks] for a in masks]
    np.testing.assert_array_equal(planes_of(masks).intersections(), expected)


def test_rows_of_words_shared_by_structures_are_read_wherever_they_begin():
    words = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 13), np.uint8))
    for row in words:
        alone = BitPlanes([row.clone()], 8)
        np.testing.assert_array_equal(BitPlanes([row], 8).intersections(), alone.intersections())


def test_a_word_is_one_byte_for_eight_samples():
    planes = planes_of(random_masks(17))
    assert [word.nbytes for word in planes._words] == [210] * 3


def test_no_voxels_hold_no_counts():
    planes = planes_of(random_masks(9))
    assert planes.counts_within(torch.zeros(0, dtype=torch.int64)).tolist() == [0.0] * 9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
@pytest.mark.parametrize("samples", [9, 80])
def test_gpu_counts_equal_those_of_the_cpu(samples):
    masks = random_masks(samples)
    gpu, cpu = BitPlanes(), planes_of(masks)
    for mask in masks:
        gpu.add(torch.from_numpy(mask).cuda())
    np.testing.assert_array_equal(gpu.intersections(), cpu.intersections())
    np.testing.assert_array_equal(gpu.votes().cpu(), cpu.votes())
    assert gpu.iou_of_all() == cpu.iou_of_all()


@pytest.mark.parametrize("samples", [1, 8, 9, 20])
def test_vote_histogram_counts_voxels_by_the_samples_that_hold_them(samples):
    masks = random_masks(samples)
    votes = masks.sum(0).reshape(-1)
    everywhere = np.bincount(votes, minlength=samples + 1)
    everywhere[0] = 0
    np.testing.assert_array_equal(planes_of(masks).vote_histogram(), everywhere)
    some = torch.arange(0, votes.size, 3)
    weights = torch.linspace(0.5, 2.0, votes.size, dtype=torch.float64)
    np.testing.assert_allclose(
        planes_of(masks).vote_histogram(some, weights),
        np.bincount(votes[::3], weights=weights.numpy()[::3], minlength=samples + 1),
    )
