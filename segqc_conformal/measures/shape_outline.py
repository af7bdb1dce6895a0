"""Outline of the judged mask: its size in every direction, hollows and holes."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from segqc_conformal.measures.ball import ball_radius
from segqc_conformal.measures.distance import distance_inside
from segqc_conformal.measures.mask_box import judged_box
from segqc_conformal.measures.shape import surface
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "hole_share", "shape_outline", "solidity"]

MEANINGS = {
    "box_longest_mm": "longest side of the judged mask's bounding box",
    "box_shortest_mm": "shortest side of the judged mask's bounding box",
    "depth_max_mm": "distance from the innermost voxel of the judged mask to the outside",
    "equivalent_diameter_mm": "diameter of the ball of the judged mask's volume",
    "hole_share": "share of the judged mask with its holes filled that is hole",
    "solidity": "volume of the judged mask over that of its convex hull",
    "surface_mm2": "voxel faces between the judged mask and the rest, mm^2",
}


def shape_outline(structure: JudgedStructure) -> dict[str, float]:
    """Measure the outline of the judged mask.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`, all 0 for an empty mask. On fewer than three axes volume
        and surface are those of that many axes.

    Notes
    -----
    Guarantee: none (geometry). Outside the grid is outside the mask.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.ones(4, 2, dtype=torch.bool)
    >>> structure = JudgedStructure("a", None, 2, {}, BitPlanes(), mask, mask.long(), (1.0, 2.0))
    >>> shape_outline(structure)["surface_mm2"]
    16.0
    """
    spacing = structure.spacing_mm
    box = judged_box(structure)
    if box is None:
        return dict.fromkeys(MEANINGS, 0.0)
    mask = box.mask
    sides = np.array(mask.shape) * np.array(spacing)
    volume = np.count_nonzero(mask) * prod(spacing)
    return {
        "box_longest_mm": float(sides.max()),
        "box_shortest_mm": float(sides.min()),
        "depth_max_mm": float(distance_inside(mask, spacing).max()),
        "equivalent_diameter_mm": 2.0 * ball_radius(volume, mask.ndim),
        "hole_share": hole_share(mask),
        "solidity": solidity(mask),
        "surface_mm2": surface(mask, spacing),
    }


def hole_share(mask: NDArray[np.bool_]) -> float:
    """Share of holes, not joined by faces to the outside, in a mask with its holes filled.

    Examples
    --------
    >>> ring = np.ones((3, 3), dtype=bool)
    >>> ring[1, 1] = False
    >>> round(hole_share(ring), 4)
    0.1111
    """
    background, _ = ndimage.label(~np.pad(mask, 1))
    outside = {background[(0,) * mask.ndim], background[(-1,) * mask.ndim]}  # two on a line
    sizes = np.bincount(background.reshape(-1))
    sizes[[0, *outside]] = 0
    holes = int(sizes.sum())
    return holes / (holes + int(np.count_nonzero(mask)))


def solidity(mask: NDArray[np.bool_]) -> float:
    """Volume of a mask that is not empty, over that of the convex hull of its voxels' corners.

    Examples
    --------
    >>> solidity(np.array([[1, 1], [1, 0]], dtype=bool)).__round__(4)
    0.8571
    """
    voxels = np.count_nonzero(mask)
    corners = _corners(mask)
    if mask.ndim == 1:
        return float(voxels / np.ptp(corners))
    # The hull goes with the grid when that is stretched: spacing changes no share.
    return float(min(1.0, voxels / ConvexHull(corners).volume))


def _corners(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    # Only the first and the last voxel of each line can touch the hull.
    lines = np.argwhere(mask.any(axis=-1))
    rows = mask.any(axis=-1)
    first = mask.argmax(axis=-1)[rows]
    last = mask.shape[-1] - mask[..., ::-1].argmax(axis=-1)[rows]
    ends = np.concatenate([np.c_[lines, first], np.c_[lines, last]])
    ways = np.ones((2,) * (mask.ndim - 1) + (1,))
    corners = (ends[:, None] + (np.argwhere(ways))[None]).reshape(-1, mask.ndim)
    shape = tuple(length + 1 for length in mask.shape)
    once = np.unique(np.ravel_multi_index(tuple(corners.T), shape))  # faster than by rows
    return np.stack(np.unravel_index(once, shape), axis=1)
