"""Distances in mm to a mask and into it, on grids of any spacing and dimension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.errors import GeometryError, InputError

__all__ = ["check_mask", "depth_inside", "distance_to"]


def distance_to(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """Return each voxel's distance to the nearest voxel of the mask.

    Parameters
    ----------
    mask : ndarray of bool, shape ``(*spatial)``
    spacing_mm : sequence of float
        Voxel size along each axis, mm.

    Returns
    -------
    ndarray of float64, shape ``(*spatial)``
        mm between voxel centres; 0 inside the mask, infinite everywhere if the mask is empty.

    Examples
    --------
    >>> distance_to(np.array([[False, True, False]]), (1.0, 2.5)).tolist()
    [[2.5, 0.0, 2.5]]
    >>> distance_to(np.zeros((1, 2), dtype=bool), (1.0, 1.0)).tolist()
    [[inf, inf]]
    """
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=tuple(spacing_mm)))


def depth_inside(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """Return each voxel's distance to the nearest voxel outside the mask.

    Parameters
    ----------
    mask : ndarray of bool, shape ``(*spatial)``
    spacing_mm : sequence of float
        Voxel size along each axis, mm.

    Returns
    -------
    ndarray of float64, shape ``(*spatial)``
        mm between voxel centres; 0 outside. The edge of the image is no outside: a mask that fills
        the image is infinitely deep.

    Examples
    --------
    >>> depth_inside(np.array([True, True, False]), (2.0,)).tolist()
    [4.0, 2.0, 0.0]
    """
    return distance_to(~mask, spacing_mm)


def check_mask(
    mask: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    reference: NDArray[np.bool_] | None = None,
    case: int | None = None,
) -> None:
    """Refuse masks that are not boolean or of unequal shape, and spacings that do not fit."""
    case_id = None if case is None else f"number {case}"
    masks = [mask] if reference is None else [mask, reference]
    if any(one.dtype != np.bool_ for one in masks):
        raise InputError("boolean masks", [one.dtype for one in masks], "pass mask == 1", case_id)
    if masks[0].shape != masks[-1].shape:
        raise GeometryError(
            f"a reference mask of shape {mask.shape}",
            masks[-1].shape,
            "resample the reference mask to the grid of the image",
            case_id,
        )
    sizes = np.asarray(spacing_mm, dtype=np.float64)
    if sizes.shape != (mask.ndim,) or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise InputError(
            f"{mask.ndim} positive voxel sizes in mm",
            tuple(spacing_mm),
            "read the spacing of the image",
            case_id,
        )
