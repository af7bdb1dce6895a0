"""One structure of a case with its judged mask and everything the samples said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segqc_conformal.uncertainty.bit_planes import BitPlanes

__all__ = ["JudgedStructure"]


@dataclass(frozen=True, eq=False)
class JudgedStructure:
    """What the measures of one structure are computed from; every tensor lies on one device.

    Parameters
    ----------
    name : str
        Name of the structure.
    probability : Tensor of float32, shape ``(voxels,)``, or None
        Mean probability of the structure; None where the accumulator aggregates only.
    class_count : int
        Number of exclusive classes (2 for a binary structure or an overlapping region), so that
        the largest entropy is ``log(class_count)``.
    maps : mapping of str to Tensor of float32, shape ``(voxels,)``
        The uncertainty maps that are held, computed when asked for; empty where the accumulator
        aggregates only.
    planes : BitPlanes
        The mask of each sample.
    judged : Tensor of bool, shape ``(*spatial)``
        The judged mask of this structure.
    labels : Tensor of int64, shape ``(*spatial)``
        The judged label map of the whole case; 0 and 1 for an overlapping region.
    spacing_mm : tuple of float
        Voxel size in mm per spatial axis.
    weights : Tensor of float64, shape ``(voxels,)``, or None
        Weight of each element (area of a mesh or CAD face); None: a grid of equal voxels.
    image : ndarray, shape ``(channels, *spatial)``, or None
        Intensities, where known.
    region_map : ndarray of int, shape ``(*spatial)``, or None
        The caller's regions.

    Notes
    -----
    Guarantee: none. What several measures need of the judged mask and the samples is computed at
    first access and kept.

    Examples
    --------
    >>> mask = torch.tensor([False, True, True])
    >>> structure = JudgedStructure("apex", None, 2, {}, BitPlanes(), mask, mask.long(), (2.0,))
    >>> structure.inside.tolist(), structure.size, structure.volume_mm3, structure.box
    ([1, 2], 2.0, 4.0, (slice(1, 3, None),))
    """

    name: str
    probability: Tensor | None
    class_count: int
    maps: Mapping[str, Tensor]
    planes: BitPlanes
    judged: Tensor
    labels: Tensor
    spacing_mm: tuple[float, ...]
    weights: Tensor | None = None
    image: NDArray[Any] | None = None
    region_map: NDArray[np.int64] | None = None

    @cached_property
    def inside(self) -> Tensor:
        """Flat indices of the judged mask, ascending: int64, shape ``(judged voxels,)``."""
        return self.judged.reshape(-1).nonzero().squeeze(1)

    @cached_property
    def inside_weights(self) -> Tensor | None:
        """Weights of the judged mask's elements; None on a grid."""
        return None if self.weights is None else self.weights[self.inside]

    @cached_property
    def size(self) -> float:
        """Number of voxels of the judged mask, or the sum of its elements' weights."""
        if self.inside_weights is None:
            return float(self.inside.numel())
        return float(self.inside_weights.sum(dtype=torch.float64))

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel; 1 for elements with weights: their weight stands for mm^3."""
        return prod(self.spacing_mm) if self.weights is None else 1.0

    @property
    def volume_mm3(self) -> float:
        """Volume of the judged mask."""
        return self.size * self.voxel_mm3

    @cached_property
    def box(self) -> tuple[slice, ...] | None:
        """The bounding box of the judged mask in the grid; None for an empty mask."""
        if not self.inside.numel():
            return None
        slices, shape = [], self.judged.shape
        for axis, length in enumerate(shape):
            places = self.inside // shape[axis + 1 :].numel() % length
            first, last = torch.aminmax(places)
            slices.append(slice(int(first), int(last) + 1))
        return tuple(slices)

    @cached_property
    def intersections(self) -> NDArray[np.float64]:
        """Voxels (or weights) each two samples share, ``(samples, samples)``."""
        return self.planes.intersections(self.weights)

    @cached_property
    def vote_histogram(self) -> NDArray[np.float64]:
        """Voxels (or weights) that k samples hold, ``(samples + 1,)``; entry 0 is left at 0."""
        return self.planes.vote_histogram(weights=self.weights)

    @cached_property
    def shared_with_samples(self) -> NDArray[np.float64]:
        """Voxels (or weights) of the judged mask that each sample holds, ``(samples,)``."""
        return self.planes.counts_within(self.inside, self.weights)
