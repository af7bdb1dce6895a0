"""Resampling and smoothing as one matrix along each axis, for grids of any number of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["along_axes", "centred", "linear_weights", "spline_weights", "window_weights"]


def along_axes(values: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Multiply the last axes of `values` by one matrix ``(new, old)`` each.

    Examples
    --------
    >>> along_axes(torch.ones(2, 3), [torch.ones(1, 2), torch.eye(3)]).tolist()
    [[2.0, 2.0, 2.0]]
    """
    first = values.ndim - len(matrices)
    for axis, matrix in enumerate(matrices, start=first):
        shape = list(values.shape)
        # no copies: whatever lies before and behind the axis is left where it is
        behind = math.prod(shape[axis + 1 :])
        columns = values.reshape(-1, shape[axis], behind)
        shape[axis] = len(matrix)
        new = matrix @ columns if behind > 1 else columns[..., 0] @ matrix.T
        values = new.reshape(shape)
    return values


def centred(count: int, step: float, device: torch.device | None = None) -> Tensor:
    """Return where the voxels of an axis lie, in mm from the centre of the grid.

    Examples
    --------
    >>> centred(3, 2.0).tolist()
    [-2.0, 0.0, 2.0]
    """
    return (torch.arange(count, device=device, dtype=torch.float32) - (count - 1) / 2) * step


def linear_weights(to: Tensor, source: Tensor, width: float) -> Tensor:
    """Interpolate linearly, or average over `width` mm where the new grid is coarser.

    Parameters
    ----------
    to, source : Tensor, shape (new,) and (old,)
        Places in mm, rising; beyond the last of `source` its value goes on.
    width : float
        Half the base of the triangle: the larger of both steps.

    Examples
    --------
    >>> linear_weights(torch.tensor([0.25, 9.0]), torch.tensor([0.0, 1.0]), 1.0).tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    inside = to.clamp(source[0], source[-1])
    weights = (1.0 - (inside[:, None] - source).abs() / width).clamp_min(0.0)
    return weights / weights.sum(dim=1, keepdim=True)


def window_weights(places: Tensor, step: float, width: float) -> Tensor:
    """Average over Gaussian windows of standard deviation `width` mm, one at each second place."""
    middle = places[::2] if len(places) > 1 else places
    weights = torch.exp(-0.5 * ((middle[:, None] - places) / width) ** 2)
    return weights * (step / width)


def spline_weights(to: Tensor, knots: Tensor, step: float) -> Tensor:
    """Evaluate a cubic B-spline with these knots, `step` mm apart.

    Examples
    --------
    >>> spline_weights(torch.tensor([0.0]), torch.tensor([-1.0, 0.0, 1.0]), 1.0).round(decimals=3)
    tensor([[0.1670, 0.6670, 0.1670]])
    """
    away = ((to[:, None] - knots) / step).abs()
    near = 2.0 / 3.0 - away**2 + away**3 / 2.0
    far = (2.0 - away).clamp_min(0.0) ** 3 / 6.0
    return torch.where(away < 1.0, near, far)
