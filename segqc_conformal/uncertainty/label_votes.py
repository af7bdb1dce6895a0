"""How many samples chose each class, counted from the bits of their masks."""

from __future__ import annotations

import torch
from torch import Tensor

from segqc_conformal.uncertainty import bit_planes
from segqc_conformal.uncertainty.buffers import Buffers

__all__ = ["votes"]


def votes(buffers: Buffers, samples: int, groups: int) -> Tensor:
    """Count the samples that chose each class: int32, shape ``(groups, classes, voxels)``.

    Parameters
    ----------
    buffers : Buffers
        With words that have a row for each label.
    samples, groups : int

    Notes
    -----
    Guarantee: exact. Each sample has one vote in each group and voxel.

    Examples
    --------
    >>> words = (torch.tensor([[1, 3], [2, 0]], dtype=torch.uint8),)
    >>> votes(Buffers((1,), words=words), 2, 1)[0].tolist()
    [[0, 0], [1, 2], [1, 0]]
    """
    counts = bit_planes.votes(buffers.words)
    counts = counts.reshape(groups, -1, counts.shape[-1])
    return torch.cat([samples - counts.sum(dim=1, keepdim=True, dtype=torch.int32), counts], dim=1)
