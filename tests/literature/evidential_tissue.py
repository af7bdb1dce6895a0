"""A tiny evidential network that tells two tissues apart, and images of tissues it never saw."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import segqc_conformal as sq

__all__ = ["image_of", "trained"]

SIDE = 12
KNOWN, UNKNOWN = (0.0, 1.0), (0.0, 0.5)  # intensities of background and structure


def image_of(rng: np.random.Generator, known: bool = True) -> tuple[NDArray[np.float32], ...]:
    """Draw an image ``(1, 12, 12)`` and its label map; half of it is the structure."""
    labels = np.zeros((SIDE, SIDE), dtype=np.int64)
    labels[:, int(rng.integers(4, 9)) :] = 1
    tissues = np.asarray(KNOWN if known else UNKNOWN)
    image = tissues[labels] + rng.normal(0.0, 0.12, labels.shape)
    return image[None].astype(np.float32), labels


@cache
def trained() -> sq.Predictor:
    """Train by the expected cross-entropy of the Dirichlet distribution and a growing penalty.

    The penalty is the divergence of what is left without the true class from knowing nothing.
    """
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 16, 1), nn.Tanh(), nn.Conv2d(16, 2, 1))
    rng = np.random.default_rng(0)
    images, labels = zip(*(image_of(rng) for _ in range(10)), strict=True)
    batch = torch.from_numpy(np.stack(images))
    truth = nn.functional.one_hot(torch.from_numpy(np.stack(labels)), 2).movedim(-1, 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(80):
        optimiser.zero_grad()
        alpha = nn.functional.softplus(model(batch)) + 1.0
        _loss(alpha, truth, min(1.0, step / 40)).backward()
        optimiser.step()
    return sq.Predictor(model.eval(), activation="softplus")


def _loss(alpha: Tensor, truth: Tensor, weight: float) -> Tensor:
    total = alpha.sum(dim=1, keepdim=True)
    surprise = (truth * (torch.digamma(total) - torch.digamma(alpha))).sum(dim=1)
    left = torch.distributions.Dirichlet(((alpha - 1.0) * (1 - truth) + 1.0).movedim(1, -1))
    nothing = torch.distributions.Dirichlet(torch.ones(2))
    return (surprise + weight * torch.distributions.kl_divergence(left, nothing)).mean()
