"""Layers that exist once for each number of dimensions."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, max_pool3d

__all__ = ["max_pooled", "pointwise", "start_at"]


def max_pooled(values: Tensor, size: int) -> Tensor:
    """Return the largest value of each block of `size` voxels a side."""
    pooled: Tensor = (max_pool2d if values.ndim == 4 else max_pool3d)(values, size)
    return pooled


def pointwise(dimensions: int, width: int, outputs: int) -> nn.Conv2d | nn.Conv3d:
    """Make a convolution of one voxel a side."""
    return (nn.Conv2d if dimensions == 2 else nn.Conv3d)(width, outputs, 1)


def start_at(layer: nn.Conv2d | nn.Conv3d, values: Tensor) -> None:
    """Let a layer give these values, one for each output, before it has learned anything."""
    assert layer.bias is not None
    nn.init.zeros_(layer.weight)
    layer.bias.data.copy_(values)
