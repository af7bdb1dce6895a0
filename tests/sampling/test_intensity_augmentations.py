import torch

from segqc_conformal.sampling.intensity_augmentations import Intensity, Noise


def volume(shape: tuple[int, ...], channels: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand((channels, *shape), generator=generator) * 50.0 - 20.0


def test_noise_has_the_share_of_each_channels_own_deviation():
    image = volume((60, 60)) * torch.tensor([1.0, 100.0])[:, None, None]
    added = Noise(0.1).augment(image, 0) - image
    share = added.flatten(1).std(1) / image.flatten(1).std(1)
    torch.testing.assert_close(share, torch.tensor([0.1, 0.1]), rtol=0.05, atol=0)


def test_intensity_is_undisturbed_by_scale_of_the_image_and_keeps_its_order():
    image = volume((12, 12))
    for seed in range(5):
        changed = Intensity().augment(image, seed)
        scaled = Intensity().augment(image * 1000, seed) / 1000
        torch.testing.assert_close(scaled, changed, rtol=0, atol=1e-4)
        flat, bent = image.flatten(1), changed.flatten(1)
        assert torch.equal(flat.argsort(1), bent.argsort(1))
        assert 0.01 < ((bent - flat).std(1) / flat.std(1)).max() < 0.3
