"""Where the judged mask of a structure lies, and how much it holds."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from segqc_conformal.measures.reducers import weighted_sum
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["JudgedVoxels"]


class JudgedVoxels:
    """Flat indices, weights and size of a judged mask.

    Parameters
    ----------
    structure : JudgedStructure

    Notes
    -----
    Guarantee: none. Attributes: ``indices`` (flat, ascending), ``weights`` of these voxels (None:
    a grid), ``size`` (number of voxels, or the sum of their weights), ``voxel_mm3`` (1 for elements
    with weights: their weight stands for mm^3) and ``volume_mm3``.

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.tensor([False, True, True])
    >>> structure = JudgedStructure("apex", None, 2, {}, BitPlanes(), mask, mask.long(), (2.0,))
    >>> voxels = JudgedVoxels(structure)
    >>> voxels.indices.tolist(), voxels.size, voxels.volume_mm3
    ([1, 2], 2.0, 4.0)
    """

    def __init__(self, structure: JudgedStructure) -> None:
        self.indices: Tensor = structure.judged.reshape(-1).nonzero().squeeze(1)
        if structure.weights is None:
            self.weights: Tensor | None = None
            self.size = float(self.indices.numel())
            self.voxel_mm3 = prod(structure.spacing_mm)
        else:
            self.weights = structure.weights[self.indices]
            self.size = float(self.weights.sum(dtype=torch.float64))
            self.voxel_mm3 = 1.0
        self.volume_mm3 = self.size * self.voxel_mm3

    def mean(self, values: Tensor) -> float:
        """Mean of a map ``(voxels,)`` over the mask, weighted by the elements' weights.

        The mask must not be empty.
        """
        return weighted_sum(values[self.indices], self.weights) / self.size
