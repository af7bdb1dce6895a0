"""Surface Dice: the share of two surfaces that lies close to the other one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.surface_distance import surface_distances

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
    Surfaces and distances are those of `surface_distances`: a tolerance below the spacing asks for
    the same voxel. Surface voxels count alike, whatever area they stand for.
    Guarantee: none (geometry). Source: Nikolov et al., J. Med. Internet Res. 23 (2021) e26151,
    on voxels.

    Examples
    --------
    >>> a, b = np.zeros((2, 9), dtype=bool)
    >>> a[2:5], b[3:6] = True, True
    >>> surface_dice(a, b, (1.0,), 0.5), surface_dice(a, b, (1.0,), 1.0)
    (0.0, 1.0)
    """
    if not tolerance_mm >= 0.0:
        raise InputError("tolerance >= 0 mm", tolerance_mm, "correct it")
    distances = surface_distances(mask, reference, spacing_mm)
    if not distances.size:
        return float(mask.any() == reference.any())
    return float((distances <= tolerance_mm).mean())
