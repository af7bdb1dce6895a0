"""Entropies of each structure against the rest: maps of one structure, ``(structures, voxels)``.

Source: van Aalst et al. (2025), who compare them with those of all classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from segqc_conformal.uncertainty import entropy as entropies
from segqc_conformal.uncertainty.buffers import Buffers

__all__ = ["expected_entropy", "mutual_information", "predictive_entropy"]


def predictive_entropy(buffers: Buffers, samples: int) -> Tensor:
    """Return the entropy of each structure's mean probability against all other classes."""
    assert buffers.mean is not None
    p = buffers.mean.flatten(0, 1)[list(buffers.rows)]
    return entropies.entropy(torch.stack([p, 1.0 - p]))


def expected_entropy(buffers: Buffers, samples: int) -> Tensor:
    """Return the mean over the samples of each structure's entropy against all other classes."""
    assert buffers.one_vs_rest is not None
    return buffers.one_vs_rest / -samples


def mutual_information(buffers: Buffers, samples: int) -> Tensor:
    """Return what the samples disagree about: structure or not."""
    return entropies.mutual_information(
        predictive_entropy(buffers, samples), expected_entropy(buffers, samples)
    )
