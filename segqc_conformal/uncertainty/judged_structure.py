"""One structure of a case with its judged mask and everything the samples said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
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
    Guarantee: none.
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
