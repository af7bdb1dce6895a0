"""Simple shape of the judged mask, in mm; any number of spatial axes."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.measures.ball import ball_radius, unit_ball_volume
from segqc_conformal.measures.mask_box import judged_box
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "shape", "surface"]

MEANINGS = {
    "component_count": "number of pieces of the judged mask, connected by faces",
    "extent": "share of its bounding box that the judged mask fills",
    "largest_component_share": "share of the judged mask in its largest piece",
    "sphericity": "surface of the ball of the judged mask's volume over its surface",
    "surface_to_volume": "surface, in voxel faces, over volume of the judged mask, 1/mm",
}


def shape(structure: JudgedStructure) -> dict[str, float]:
    """Describe the shape of the judged mask by five numbers.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of float
        ``component_count`` (connected by faces), ``largest_component_share`` of the volume,
        ``extent`` (volume over bounding box), ``surface_to_volume`` (1/mm, surface counted in
        voxel faces) and ``sphericity`` (surface of the ball of the same volume over the surface;
        0.806 for a cube, near 2/3 for a large voxelised ball, lower for ragged masks). All are 0
        for an empty mask.

    Notes
    -----
    Guarantee: none (geometry).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.ones(3, 3, 3, dtype=torch.bool)
    >>> args = (BitPlanes(), mask, mask.long(), (2.0, 2.0, 2.0))
    >>> shape(JudgedStructure("apex", None, 2, {}, *args))["surface_to_volume"]
    1.0
    """
    box = judged_box(structure)
    if box is None:
        return dict.fromkeys(MEANINGS, 0.0)
    mask, spacing_mm = box.mask, structure.spacing_mm
    voxels = int(np.count_nonzero(mask))
    volume = voxels * prod(spacing_mm)
    area = surface(mask, spacing_mm)
    components, count = ndimage.label(mask)
    largest = int(np.bincount(components.reshape(-1))[1:].max())
    return {
        "component_count": float(count),
        "extent": voxels / mask.size,
        "largest_component_share": largest / voxels,
        "sphericity": _ball_surface(volume, mask.ndim) / area,
        "surface_to_volume": area / volume,
    }


def surface(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> float:
    """Area of the voxel faces between mask and not-mask; the image's border counts as outside.

    Examples
    --------
    >>> surface(np.ones((1, 2), dtype=bool), (1.0, 3.0))
    14.0
    """
    area = 0.0
    for axis, step in enumerate(spacing_mm):
        face = prod(spacing_mm) / step
        ends = np.take(mask, [0, -1], axis=axis)
        changes = np.count_nonzero(np.diff(mask, axis=axis)) + np.count_nonzero(ends)
        area += int(changes) * face
    return area


def _ball_surface(volume: float, axes: int) -> float:
    return axes * unit_ball_volume(axes) * ball_radius(volume, axes) ** (axes - 1)
