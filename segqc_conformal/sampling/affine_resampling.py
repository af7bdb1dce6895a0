"""A random affine map of a grid, and linear resampling along it."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

__all__ = ["draw_affine", "resample", "uniform"]


def uniform(number: int, seed: int) -> Tensor:
    """Draw numbers in [-1, 1), the same for the same seed on every device.

    Examples
    --------
    >>> bool((uniform(100, seed=0).abs() <= 1.0).all())
    True
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(number, generator=generator, dtype=torch.float64) * 2.0 - 1.0


def draw_affine(
    shape: tuple[int, ...],
    spacing_mm: tuple[float, ...],
    degrees: float,
    scale: float,
    shift: float,
    seed: int,
) -> Tensor:
    """Draw a rotation, size and shift about the centre of a grid.

    Parameters
    ----------
    shape, spacing_mm : tuple
        Of the grid, one entry per axis.
    degrees, scale, shift : float
        The largest of each, as in `Affine`.
    seed : int

    Returns
    -------
    Tensor of float64, shape ``(axes + 1, axes + 1)``
        From a place in the result to the place in the source, in coordinates that run from -1 to
        1 between the outer faces of the grid, in the order of its axes.

    Examples
    --------
    >>> draw_affine((4, 4), (1.0, 1.0), 0.0, 0.0, 0.0, seed=0).abs().tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    axes = len(shape)
    planes = list(combinations(range(axes), 2))
    drawn = uniform(len(planes) + 1 + axes, seed)
    turned = torch.eye(axes, dtype=torch.float64)
    for plane, angle in zip(planes, torch.deg2rad(drawn * degrees), strict=False):
        turned = turned @ _rotation(axes, plane, angle)
    extent = torch.tensor(shape, dtype=torch.float64) * torch.tensor(spacing_mm).double()
    matrix = torch.eye(axes + 1, dtype=torch.float64)
    # Angles are angles in mm; the coordinates of the grid count in extents.
    matrix[:axes, :axes] = turned * (1.0 + scale * drawn[len(planes)]) * extent / extent[:, None]
    matrix[:axes, axes] = 2.0 * shift * drawn[len(planes) + 1 :]
    return matrix


def resample(values: Tensor, matrix: Tensor) -> Tensor:
    """Resample linearly on the same grid; places outside take the values of the edge.

    Parameters
    ----------
    values : Tensor, shape ``(channels, *spatial)``
        Two or three spatial axes.
    matrix : Tensor, shape ``(axes + 1, axes + 1)``
        As `draw_affine` returns.

    Returns
    -------
    Tensor, shape of `values`
        Convex combinations of them: probabilities stay in [0, 1] and keep their sum.

    Examples
    --------
    >>> values = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> resample(values, torch.eye(3, dtype=torch.float64)).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    """
    # torch counts the axes of the grid from the last to the first.
    order = [*reversed(range(len(matrix) - 1)), len(matrix) - 1]
    rows = matrix[order][:, order][:-1].to(values.device, values.dtype)
    grid = torch.nn.functional.affine_grid(rows[None], [1, *values.shape], align_corners=False)
    moved = torch.nn.functional.grid_sample(
        values[None], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return moved[0]


def _rotation(axes: int, plane: tuple[int, int], angle: Tensor) -> Tensor:
    first, second = plane
    rotation = torch.eye(axes, dtype=torch.float64)
    rotation[first, first] = rotation[second, second] = torch.cos(angle)
    rotation[first, second], rotation[second, first] = -torch.sin(angle), torch.sin(angle)
    return rotation
