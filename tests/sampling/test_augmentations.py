import pytest
import torch

from segqc_conformal.sampling.augmentations import (
    Affine,
    Flip,
    Intensity,
    Noise,
    Rotate90,
    default_augmentations,
)

GRIDS = [(7,), (6, 9), (4, 6, 5), (3, 4, 2, 5)]


def volume(shape: tuple[int, ...], channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand((channels, *shape), generator=generator) * 50.0 - 20.0


@pytest.mark.parametrize("augmentation", [Noise(), Intensity(), Affine()])
def test_what_is_drawn_follows_the_seed_alone(augmentation):
    image = volume((6, 9))
    before = torch.get_rng_state()
    assert torch.equal(augmentation.augment(image, 1), augmentation.augment(image, 1))
    assert not torch.equal(augmentation.augment(image, 1), augmentation.augment(image, 2))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("augmentation", [Noise(), Intensity(), Affine(), Flip(), Rotate90()])
def test_the_image_is_not_written_to_and_a_constant_one_stays_finite(augmentation):
    image = volume((6, 9))
    kept = image.clone()
    augmentation.augment(image, 0)
    assert torch.equal(image, kept)
    assert augmentation.augment(torch.zeros(1, 6, 9), 0).abs().max() == 0.0


@pytest.mark.parametrize("shape", GRIDS)
def test_the_default_set_runs_in_every_dimension(shape):
    image = volume(shape)
    for augmentation in default_augmentations(len(shape)):
        changed = augmentation.augment(image, 5)
        assert not torch.equal(changed, image)
        assert augmentation.restore(changed, 5).shape == image.shape
