"""Distances between the surfaces of two masks in mm, and their root mean square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.measures.distance import distance_to, surface_voxels

__all__ = ["rms_surface_distance", "surface_distances"]


def surface_distances(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> NDArray[np.float64]:
    """Measure from every surface voxel of each mask to the nearest surface voxel of the other.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape ``(*spatial)``
        Of one structure, on one grid.
    spacing_mm : tuple of float
        One per axis, > 0.

    Returns
    -------
    ndarray of float64, shape (surface voxels of both masks,)
        mm, those of `mask` first; empty where a mask is.

    Raises
    ------
    GeometryError
        If shapes or number of axes differ.
    InputError
        For a spacing that is not positive.

    Notes
    -----
    The surface is made of the voxels of a mask that share a face with the outside; what lies
    beyond the grid is outside. Distances run between voxel centres. Guarantee: none (geometry).

    Examples
    --------
    >>> a, b = np.zeros((2, 9), dtype=bool)
    >>> a[2:5], b[2:7] = True, True
    >>> surface_distances(a, b, (1.5,)).tolist()
    [0.0, 3.0, 0.0, 3.0]
    """
    if mask.shape != reference.shape or mask.ndim != len(spacing_mm):
        received = f"shapes {mask.shape} and {reference.shape}, spacing {spacing_mm}"
        raise GeometryError(
            "two masks of one shape and a spacing for each axis", received, "resample one of them"
        )
    if not all(size > 0.0 for size in spacing_mm):
        raise InputError("spacing > 0 mm", spacing_mm, "correct it")
    if not (mask.any() and reference.any()):
        return np.empty(0)
    box = ndimage.find_objects((mask | reference).astype(np.uint8))[0]
    surfaces = [surface_voxels(part[box]) for part in (mask, reference)]
    ways = zip(surfaces, surfaces[::-1], strict=True)
    return np.concatenate([distance_to(other, spacing_mm)[surface] for surface, other in ways])


def rms_surface_distance(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> float:
    """Return the root mean square of `surface_distances`, of both masks together.

    Parameters and errors are those of `surface_distances`.

    Returns
    -------
    float
        mm, >= 0; **0 where both masks are empty, infinity where one is**: such cases are left out
        of what is fitted or calibrated, and counted by themselves.

    Notes
    -----
    Guarantee: none (geometry). Unbounded: intervals on it take ``support=(0, inf)``.

    Examples
    --------
    >>> a, b = np.zeros((2, 9), dtype=bool)
    >>> a[2:5], b[3:6] = True, True
    >>> rms_surface_distance(a, b, (2.0,))
    2.0
    """
    distances = surface_distances(mask, reference, spacing_mm)
    if not distances.size:
        return 0.0 if mask.any() == reference.any() else float("inf")
    return float(np.sqrt(np.square(distances).mean()))
