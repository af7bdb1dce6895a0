import itertools

import pytest
import torch

from segqc_conformal.errors import InputError
from segqc_conformal.sampling.spatial_augmentations import Affine, Flip, Rotate90

GRIDS = [(7,), (6, 9), (4, 6, 5), (3, 4, 2, 5)]


def volume(shape: tuple[int, ...], channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand((channels, *shape), generator=generator) * 50.0 - 20.0


def smooth_probabilities(shape: tuple[int, ...]) -> torch.Tensor:
    axes = torch.meshgrid(*(torch.linspace(-2, 2, size) for size in shape), indexing="ij")
    waves = torch.stack([torch.sin(sum(axes)), torch.cos(axes[0]), axes[-1] / 2])
    return torch.softmax(waves, dim=0)


@pytest.mark.parametrize("shape", GRIDS)
def test_flips_are_undone_bit_for_bit_along_every_choice_of_axes(shape):
    image = volume(shape)
    for number in range(1, len(shape) + 1):
        for axes in itertools.combinations(range(len(shape)), number):
            flip = Flip(axes)
            assert torch.equal(flip.restore(flip.augment(image, 0), 0), image)
            assert not torch.equal(flip.augment(image, 0), image)


@pytest.mark.parametrize("shape", GRIDS[1:])
@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_right_angles_are_undone_bit_for_bit_also_where_the_grid_turns(shape, turns):
    image = volume(shape)
    for plane in itertools.permutations(range(len(shape)), 2):
        rotation = Rotate90(turns, plane)
        turned = rotation.augment(image, 0)
        assert torch.equal(rotation.restore(turned, 0), image)
        if turns % 2:
            assert turned.shape[1 + plane[0]] == image.shape[1 + plane[1]]


@pytest.mark.parametrize("shape", [(40, 60), (24, 30, 26)])
@pytest.mark.parametrize("spacing_mm", [None, (0.5, 1.0, 2.0)])
def test_affine_probabilities_come_back_to_their_place_and_sum_to_one(shape, spacing_mm):
    affine = Affine(spacing_mm=None if spacing_mm is None else spacing_mm[: len(shape)])
    probabilities = smooth_probabilities(shape)
    for seed in range(5):
        moved = affine.augment(probabilities, seed)
        restored = affine.restore(moved, seed)
        assert restored.amin() >= 0.0
        torch.testing.assert_close(restored.sum(0), torch.ones(shape), rtol=0, atol=1e-5)
        inside = (slice(None), *(slice(size // 5, -(size // 5)) for size in shape))
        torch.testing.assert_close(restored[inside], probabilities[inside], rtol=0, atol=0.01)
        assert (moved - probabilities)[inside].abs().max() > 0.02


@pytest.mark.parametrize("shape", [(7,), (3, 4, 2, 5)])
def test_affine_is_refused_by_name_outside_2d_and_3d(shape):
    with pytest.raises(InputError, match=r"2 or 3 dimensions for Affine\(degrees=5.0"):
        Affine().augment(volume(shape), 0)


def test_affine_with_a_spacing_of_another_dimension_is_refused():
    with pytest.raises(InputError, match="one entry per axis"):
        Affine(spacing_mm=(1.0, 1.0, 1.0)).augment(volume((6, 9)), 0)
    with pytest.raises(InputError, match=r"a scale in \[0, 1\); received 1.0"):
        Affine(scale=1.0)


@pytest.mark.parametrize("augmentation", [Flip((2,)), Flip((-1,)), Rotate90(1, (0, 2))])
def test_an_axis_the_image_lacks_is_refused(augmentation):
    with pytest.raises(InputError, match="spatial axes from 0 to 1"):
        augmentation.augment(volume((6, 9)), 0)
