"""One resolution of a registration: a batch of references and the case, on working grids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from segqc_conformal.reverse.labelled_image import LabelledImage
from segqc_conformal.reverse.separable import along_axes, centred, linear_weights

__all__ = ["Level", "at_places", "level", "own_axes", "places"]


class Level(NamedTuple):
    """Images at one resolution; all places are in mm from the centre of each image's own grid.

    ``fixed`` ``(batch, channels, *grid)`` are the references on one grid that holds them all,
    ``weight`` ``(batch, 1, *grid)`` is 1 inside a reference's field of view, ``axes`` has the
    places along each axis. ``moving`` ``(1, channels, *grid)`` is the case, on a grid of its own
    with the places ``own_axes``. Each image has mean 0 and variance 1.
    """

    fixed: Tensor
    weight: Tensor
    axes: tuple[Tensor, ...]
    step: float
    moving: Tensor
    own_axes: tuple[Tensor, ...]


def level(
    case: LabelledImage, references: Sequence[LabelledImage], step: float, device: torch.device
) -> Level:
    """Bring the case and its references to a resolution of `step` mm."""
    largest = np.max([_extent(one) for one in references], axis=0)
    axes = tuple(centred(math.ceil(length / step) + 1, step, device) for length in largest)
    own = tuple(centred(math.ceil(n / step) + 1, step, device) for n in _extent(case))
    return Level(
        torch.stack([_resampled(one, axes, step) for one in references]),
        torch.stack([_field_of_view(one, axes) for one in references]),
        axes,
        step,
        _resampled(case, own, step)[None],
        own,
    )


def own_axes(image: LabelledImage, device: torch.device) -> list[Tensor]:
    """Return the places of an image's own voxels along each axis, mm."""
    return [
        centred(count, spacing, device)
        for count, spacing in zip(image.labels.shape, image.spacing, strict=True)
    ]


def places(axes: Sequence[Tensor]) -> Tensor:
    """Return the place of each voxel in mm, ``(*grid, axes)``."""
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def at_places(values: Tensor, axes: Sequence[Tensor], wanted: Tensor) -> Tensor:
    """Interpolate ``(1, channels, *grid)`` linearly at places ``(batch, *new grid, axes)`` in mm.

    `axes` has the places of the grid; beyond it its outermost values go on.
    """
    reach = torch.stack([axis[-1] for axis in axes])
    shares = (wanted / reach.clamp_min(1e-6)).flip(-1)
    return grid_sample(
        values.expand(len(wanted), *values.shape[1:]),
        shares,
        padding_mode="border",
        align_corners=True,
    )


def _extent(image: LabelledImage) -> NDArray[np.float64]:
    return np.asarray((np.array(image.labels.shape) - 1) * np.array(image.spacing))


def _resampled(image: LabelledImage, axes: Sequence[Tensor], step: float) -> Tensor:
    values = torch.as_tensor(image.image, dtype=torch.float32, device=axes[0].device)
    matrices = [
        linear_weights(to, source, max(step, spacing))
        for to, source, spacing in zip(
            axes, own_axes(image, values.device), image.spacing, strict=True
        )
    ]
    found = along_axes(values, matrices)
    dims = tuple(range(1, found.ndim))
    centre = found.mean(dim=dims, keepdim=True)
    return (found - centre) / found.std(dim=dims, keepdim=True, correction=0).clamp_min(1e-6)


def _field_of_view(image: LabelledImage, axes: Sequence[Tensor]) -> Tensor:
    halves = (_extent(image) + np.array(image.spacing)) / 2
    inside = [axis.abs() <= half for axis, half in zip(axes, halves, strict=True)]
    return torch.stack(torch.meshgrid(*inside, indexing="ij")).all(dim=0)[None].float()
