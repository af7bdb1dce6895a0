"""Weights for targets that are mostly alike, as quality values are: focal, and by density."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["density_weights", "focal_weights", "target_density"]

BINS = 20
SMOOTHING = 2.0  # standard deviation of the kernel, in bins


def focal_weights(predicted: Tensor, target: Tensor) -> Tensor:
    """Weigh each value by how far its prediction is off, ``|predicted - target|``.

    Notes
    -----
    Guarantee: none. The regression form of the focal loss (Lin et al., ICCV 2017).
    """
    return (predicted - target).abs()


def target_density(targets: Tensor) -> Tensor:
    """Return the smoothed density of training targets in [0, 1], shape ``(BINS,)``, of mean 1.

    Notes
    -----
    Guarantee: positive everywhere. Source: label distribution smoothing (Yang et al., ICML 2021).
    """
    counts = torch.histc(targets.float().clamp(0.0, 1.0), bins=BINS, min=0.0, max=1.0)
    places = torch.arange(BINS, dtype=torch.float32)
    kernel = torch.exp(-((places[:, None] - places[None]) ** 2) / (2 * SMOOTHING**2))
    smooth = kernel @ counts + 1e-3 * counts.sum().clamp_min(1.0)
    return smooth / smooth.mean()


def density_weights(density: Tensor, target: Tensor) -> Tensor:
    """Return one over the density at each target; a rare quality weighs more.

    Examples
    --------
    >>> density = target_density(torch.tensor([0.9] * 9 + [0.1]))
    >>> rare, common = density_weights(density, torch.tensor([0.1, 0.9]))
    >>> bool(rare > 5 * common)
    True
    """
    place = (target.clamp(0.0, 1.0) * BINS).long().clamp_max(BINS - 1)
    return 1.0 / density[place]
