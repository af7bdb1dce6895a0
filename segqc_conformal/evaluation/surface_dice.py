"""Surface Dice: the share of two surfaces that lies close to the other one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.measures.distance import distance_to

__all__ = ["surface_dice"]


def surface_dice(
    mask: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    tolerance_mm: float,
) -> float:
    """Return the normalised surface Dice of one structure at a tolerance.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape ``(*spatial)``
        Of one structure, on one grid.
    spacing_mm : tuple of float
        One per axis, > 0.
    tolerance_mm : float
        >= 0; a surface voxel this close to the other surface agrees.

    Returns
    -------
    float
        In [0, 1]; **1 where both masks are empty, 0 where one is**, as `dice`.

    Raises
    ------
    GeometryError
        If shapes or number of axes differ.
    InputError
        For a spacing that is not positive, or a negative tolerance.

    Notes
    -----
    The surface is made of the voxels of a mask that share a face with the outside; what lies
    beyond the grid is outside. Distances run between voxel centres, so a tolerance below the
    spacing asks for the same voxel. Surface voxels count alike, whatever area they stand for.
    Guarantee: none (geometry). Source: Nikolov et al., J. Med. Internet Res. 23 (2021) e26151,
    on voxels.

    Examples
    --------
    >>> a, b = np.zeros((2, 9), dtype=bool)
    >>> a[2:5], b[3:6] = True, True
    >>> surface_dice(a, b, (1.0,), 0.5), surface_dice(a, b, (1.0,), 1.0)
    (0.0, 1.0)
    """
    if mask.shape != reference.shape or mask.ndim != len(spacing_mm):
        received = f"shapes {mask.shape} and {reference.shape}, spacing {spacing_mm}"
        raise GeometryError(
            "two masks of one shape and a spacing for each axis", received, "resample one of them"
        )
    if not (all(size > 0.0 for size in spacing_mm) and tolerance_mm >= 0.0):
        raise InputError(
            "spacing > 0 and tolerance >= 0 mm", (spacing_mm, tolerance_mm), "correct them"
        )
    if not (mask.any() and reference.any()):
        return float(mask.any() == reference.any())
    box = ndimage.find_objects((mask | reference).astype(np.uint8))[0]
    surfaces = [_surface(part[box]) for part in (mask, reference)]
    close = [
        distance_to(other, spacing_mm)[surface] <= tolerance_mm
        for surface, other in zip(surfaces, surfaces[::-1], strict=True)
    ]
    return float(np.concatenate(close).mean())


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))
