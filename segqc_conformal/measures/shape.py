"""Simple shape of the judged mask, in mm; any number of spatial axes."""

from __future__ import annotations

from math import gamma, pi, prod

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "NAMES", "shape", "shape_features", "surface"]

MEANINGS = {
    "component_count": "number of pieces of the judged mask, connected by faces",
    "extent": "share of its bounding box that the judged mask fills",
    "largest_component_share": "share of the judged mask in its largest piece",
    "sphericity": "surface of the ball of the judged mask's volume over its surface",
    "surface_to_volume": "surface, in voxel faces, over volume of the judged mask, 1/mm",
}
NAMES = tuple(MEANINGS)


def shape(structure: JudgedStructure) -> dict[str, float]:
    """Describe the judged mask of a structure by `shape_features`.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of float
        One number for each of `NAMES`.

    Notes
    -----
    Guarantee: none (geometry).
    """
    return shape_features(structure.judged.cpu().numpy(), structure.spacing_mm)


def shape_features(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> dict[str, float]:
    """Describe the shape of one mask by five numbers.

    Parameters
    ----------
    mask : ndarray of bool, shape ``(*spatial)``
    spacing_mm : tuple of float
        One per axis, > 0.

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
    >>> cube = np.zeros((6, 6, 6), dtype=bool)
    >>> cube[1:4, 1:4, 1:4] = True
    >>> shape_features(cube, (2.0, 2.0, 2.0))["surface_to_volume"]
    1.0
    """
    boxes = ndimage.find_objects(mask.view(np.uint8), max_label=1)
    if not boxes or boxes[0] is None:
        return dict.fromkeys(NAMES, 0.0)
    box = mask[boxes[0]]  # everything below costs the box, not the image
    voxels = int(np.count_nonzero(box))
    volume = voxels * prod(spacing_mm)
    area = surface(box, spacing_mm)
    components, count = ndimage.label(box)
    largest = int(np.bincount(components.reshape(-1))[1:].max())
    return {
        "component_count": float(count),
        "extent": voxels / box.size,
        "largest_component_share": largest / voxels,
        "sphericity": _ball_surface(volume, box.ndim) / area,
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
    unit_volume = pi ** (axes / 2) / gamma(axes / 2 + 1)
    radius = (volume / unit_volume) ** (1 / axes)
    return float(axes * unit_volume * radius ** (axes - 1))
