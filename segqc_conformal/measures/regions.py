"""The regions of a case, relative to a judged mask, that maps are reduced over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segqc_conformal.measures.distance import distance_inside, distance_to
from segqc_conformal.measures.mask_box import judged_box
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["BAND_MM", "DEPTH_CAP_MM", "Region", "grid_regions", "plain_regions"]

BAND_MM = 2.0  # on either side of the boundary; the benchmark's band is 2 voxels on either side
DEPTH_CAP_MM = 4.0


@dataclass(frozen=True, eq=False)
class Region:
    """Voxels of a case and their weights.

    Parameters
    ----------
    indices : Tensor of int64, shape ``(voxels,)``, or None
        In the flat grid; None: all voxels.
    weights : Tensor of float64, shape ``(voxels,)``, or None
        > 0; None: ones.

    Notes
    -----
    Guarantee: none.
    """

    indices: Tensor | None
    weights: Tensor | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the region holds no voxel."""
        return self.indices is not None and not self.indices.numel()

    def values(self, map_values: Tensor) -> Tensor:
        """Values of a map ``(voxels,)`` in the region."""
        return map_values if self.indices is None else map_values[self.indices]


def plain_regions(structure: JudgedStructure) -> dict[str, Region]:
    """Regions that flat elements have as well: ``all`` voxels and the ``judged`` mask.

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.tensor([False, True])
    >>> structure = JudgedStructure("apex", None, 2, {}, BitPlanes(), mask, mask.long(), (1.0,))
    >>> plain_regions(structure)["judged"].indices.tolist()
    [1]
    """
    return {
        "all": Region(None, structure.weights),
        "judged": Region(structure.inside, structure.inside_weights),
    }


def grid_regions(structure: JudgedStructure) -> dict[str, Region]:
    """Regions by the distance to the boundary of the judged mask.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of Region
        ``boundary``: voxels no farther than `BAND_MM` (at least the smallest spacing) from the
        other side of the boundary; ``interior`` and ``exterior``: the judged mask and the rest
        without them; ``depth``: the judged mask, weighted by the distance to the outside, at most
        `DEPTH_CAP_MM`. Outside the grid is outside the mask. Of an empty mask all are empty but
        ``exterior``, which is the whole case.

    Notes
    -----
    Guarantee: none (geometry). The distances are computed in the mask's box; where it lies in the
    grid changes no value. Sources: Zenk et al., arXiv 2406.03323 (boundary and interior); Jungo et
    al., Frontiers in Neuroscience 14 (2020) 282 (distance weights).

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.tensor([0, 0, 0, 1, 1, 1, 1, 1]).bool()
    >>> structure = JudgedStructure("apex", None, 2, {}, BitPlanes(), mask, mask.long(), (1.5,))
    >>> {name: region.indices.tolist() for name, region in grid_regions(structure).items()}
    {'boundary': [2, 3, 7], 'interior': [4, 5, 6], 'exterior': [0, 1], 'depth': [3, 4, 5, 6, 7]}
    """
    spacing, device = structure.spacing_mm, structure.judged.device
    # A tie at the band's edge must not be decided by rounding.
    band = max(BAND_MM, min(spacing)) * (1.0 + 1e-9)
    box = judged_box(structure, band)
    outside = torch.ones(structure.judged.numel(), dtype=torch.bool, device=device)
    if box is None:
        empty = Region(outside[:0].nonzero().squeeze(1))
        nowhere = dict.fromkeys(("boundary", "interior", "depth"), empty)
        return {**nowhere, "exterior": Region(None)}
    depth, away = distance_inside(box.mask, spacing), distance_to(box.mask, spacing)

    def on_device(chosen: NDArray[np.bool_]) -> Tensor:
        return torch.from_numpy(box.flat_indices(chosen)).to(device)

    near = away <= band  # the mask and the band around it
    outside[on_device(near)] = False
    weights = torch.from_numpy(np.minimum(depth[box.mask], DEPTH_CAP_MM)).to(device)
    return {
        "boundary": Region(on_device(near & (depth <= band))),
        "interior": Region(on_device(depth > band)),
        "exterior": Region(outside.nonzero().squeeze(1)),
        "depth": Region(on_device(box.mask), weights),
    }
