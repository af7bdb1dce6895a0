"""Distances to the boundary of a mask in mm; the image's border counts as outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["distance_inside", "distance_to", "surface_voxels"]


def distance_inside(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Distance of each voxel of a mask to the nearest voxel outside it.

    Parameters
    ----------
    mask : ndarray of bool, shape ``(*spatial)``
    spacing_mm : tuple of float
        One per axis, > 0.

    Returns
    -------
    ndarray of float64, shape ``(*spatial)``
        mm between voxel centres, so at least the smallest spacing; 0 outside the mask. The grid is
        taken to go on outside, without the mask.

    Notes
    -----
    Guarantee: none (geometry). A box that holds the mask gives the same values as the whole grid.

    Examples
    --------
    >>> distance_inside(np.array([0, 1, 1, 1, 1], dtype=bool), (2.0,)).tolist()
    [0.0, 2.0, 4.0, 4.0, 2.0]
    """
    padded = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)
    return np.asarray(padded[(slice(1, -1),) * mask.ndim])


def distance_to(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Distance of each voxel to the nearest voxel of a mask that is not empty; 0 in the mask.

    Examples
    --------
    >>> distance_to(np.array([0, 0, 1], dtype=bool), (2.0,)).tolist()
    [4.0, 2.0, 0.0]
    """
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm))


def surface_voxels(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of a mask that share a face with the outside; beyond the grid is outside.

    Examples
    --------
    >>> surface_voxels(np.array([0, 1, 1, 1], dtype=bool)).tolist()
    [False, True, False, True]
    """
    return np.asarray(mask & ~ndimage.binary_erosion(mask))
