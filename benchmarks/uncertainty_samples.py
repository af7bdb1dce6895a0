"""Probability maps from a seed, written into one buffer, so that samples need not be kept."""

from __future__ import annotations

import torch
from torch import Tensor


def write_sample(probabilities: Tensor, seed: int) -> Tensor:
    """Overwrite `probabilities`, ``(classes, *spatial)``, with the sample of this seed.

    Every class but the background is a blob of its own place, a little larger or smaller from
    sample to sample, with noise in every voxel; the buffer is all the memory that is used, but
    for one value a voxel.
    """
    random = torch.Generator().manual_seed(seed)
    probabilities.normal_(generator=random)
    spatial = probabilities.shape[1:]
    for label, logits in enumerate(probabilities[1:], start=1):
        logits += 5.0 + 0.3 * torch.randn((), generator=random)
        for axis, size in enumerate(spatial):
            square = (torch.linspace(-1.0, 1.0, size) - _centre(label, axis)) ** 2
            across = [-1 if other == axis else 1 for other in range(len(spatial))]
            logits -= (6.0 * square / (square + 0.15)).reshape(across)
    probabilities -= probabilities.amax(dim=0)
    probabilities.exp_()
    probabilities /= probabilities.sum(dim=0)
    return probabilities


def samples(count: int, classes: int, spatial: tuple[int, ...]) -> list[Tensor]:
    """Return the samples of the seeds 0, 1, ...; from the sixth on the first five again."""
    kept = [write_sample(torch.empty(classes, *spatial), seed) for seed in range(min(count, 5))]
    return [kept[number % len(kept)] for number in range(count)]


def _centre(label: int, axis: int) -> float:
    # Well spread in all dimensions: multiples of the golden ratio's cousins (Roberts 2018).
    return 1.2 * ((0.5 + label * (0.8192, 0.6710, 0.5497)[axis % 3]) % 1.0) - 0.6
