"""Augmentations that change intensities and move nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import torch
from torch import Tensor

from segqc_conformal.sampling.affine_resampling import uniform

__all__ = ["Intensity", "Noise"]


@dataclass(frozen=True)
class Noise:
    """Add Gaussian noise.

    Parameters
    ----------
    share : float
        Standard deviation of the noise, as a share of that of each channel.

    Examples
    --------
    >>> Noise(0.0).augment(torch.tensor([[1.0, 2.0]]), seed=0).tolist()
    [[1.0, 2.0]]
    """

    share: float = 0.1

    def augment(self, image: Tensor, seed: int) -> Tensor:
        """Add noise, the same for the same seed on every device."""
        drawn = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
        strength = self.share * image.flatten(1).std(1, correction=0, keepdim=True)
        noisy: Tensor = image.flatten(1) + drawn.flatten(1).to(image.device) * strength
        return noisy.reshape(image.shape)

    def restore(self, probabilities: Tensor, seed: int) -> Tensor:
        """Return the probabilities: noise moves nothing."""
        return probabilities


@dataclass(frozen=True)
class Intensity:
    """Change contrast, brightness and gamma of all channels alike, at random.

    Parameters
    ----------
    scale : float
        Largest change of contrast around each channel's mean, as a share.
    shift : float
        Largest change of brightness, as a share of each channel's standard deviation.
    gamma : float
        Largest change of the logarithm of gamma, which bends each channel's own range.

    Examples
    --------
    >>> Intensity(0.0, 0.0, 0.0).augment(torch.tensor([[1.0, 2.0, 3.0]]), seed=0).tolist()
    [[1.0, 2.0, 3.0]]
    """

    scale: float = 0.1
    shift: float = 0.1
    gamma: float = 0.2

    def augment(self, image: Tensor, seed: int) -> Tensor:
        """Bend each channel within its range, then stretch and shift it."""
        scale, shift, gamma = uniform(3, seed).tolist()
        flat = image.flatten(1)
        low, high = flat.aminmax(dim=1, keepdim=True)
        extent = (high - low).clamp_min(torch.finfo(flat.dtype).tiny)
        bent = low + extent * ((flat - low) / extent) ** exp(gamma * self.gamma)
        mean, deviation = bent.mean(1, keepdim=True), bent.std(1, correction=0, keepdim=True)
        stretched = mean + (bent - mean) * (1.0 + scale * self.scale)
        shifted: Tensor = stretched + shift * self.shift * deviation
        return shifted.reshape(image.shape)

    def restore(self, probabilities: Tensor, seed: int) -> Tensor:
        """Return the probabilities: intensities move nothing."""
        return probabilities
