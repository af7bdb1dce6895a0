"""Dice of two masks, and the only place where the empty-mask rule is decided."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import GeometryError

__all__ = ["dice", "dice_from_volumes"]


def dice_from_volumes(
    intersection: ArrayLike, volume_a: ArrayLike, volume_b: ArrayLike
) -> NDArray[np.float64]:
    """Dice from the sizes of an intersection and of the two masks.

    Parameters
    ----------
    intersection, volume_a, volume_b : array_like of float, any common shape
        Voxel counts or volumes in one unit, >= 0.

    Returns
    -------
    ndarray of float64
        ``2 |A ∩ B| / (|A| + |B|)`` in [0, 1]; **1 where both are empty, 0 where one is**.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> dice_from_volumes([3, 0, 0], [4, 0, 0], [4, 5, 0]).tolist()
    [0.75, 0.0, 1.0]
    """
    total = np.asarray(volume_a, dtype=np.float64) + np.asarray(volume_b, dtype=np.float64)
    twice = 2.0 * np.asarray(intersection, dtype=np.float64)
    both_empty = np.ones(np.broadcast_shapes(total.shape, twice.shape))
    return np.asarray(np.divide(twice, total, out=both_empty, where=total > 0))


def dice(
    mask: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Dice coefficient of two boolean masks on one grid.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape ``(*spatial)``
    weights : ndarray of float, shape ``(*spatial)``, optional
        Size of each element, > 0; None: voxels of one size.

    Returns
    -------
    float
        In [0, 1]; 1 if both masks are empty, 0 if exactly one is.

    Raises
    ------
    GeometryError
        If the shapes differ.

    Notes
    -----
    Guarantee: none (arithmetic). Source: Dice, Ecology 26 (1945) 297-302.

    Examples
    --------
    >>> dice(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    >>> dice(np.array([True, False]), np.array([True, True]), np.array([3.0, 2.0]))
    0.75
    """
    if mask.shape != reference.shape:
        raise GeometryError(
            f"a reference mask of shape {mask.shape}",
            reference.shape,
            "resample the reference mask to the grid of the image",
        )
    sizes = [
        np.count_nonzero(part) if weights is None else weights[part].sum()
        for part in (mask & reference, mask, reference)
    ]
    return float(dice_from_volumes(*sizes))
