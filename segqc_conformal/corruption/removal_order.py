"""The order in which the voxels of a mask go, where a share of them is taken away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.corruption.reference_masks import Masks

__all__ = ["removal_order"]


def removal_order(mask: Masks, *keys: NDArray[Any]) -> NDArray[np.float64]:
    """Say of each voxel at which share it goes.

    Parameters
    ----------
    mask : ndarray of bool, shape ``(*spatial)``
    *keys : ndarray of numbers, shape ``(voxels of the mask,)``
        What is smaller goes first; later keys decide between equals.

    Returns
    -------
    ndarray of float64, shape ``(*spatial)``
        k / n for the voxel that goes as the k-th of n; infinity outside the mask.

    Notes
    -----
    Guarantee: keeping what lies above a share s leaves n - floor(s n) voxels, and a Dice of
    2 (1 - s) / (2 - s) but for the rounding.

    Examples
    --------
    >>> removal_order(np.array([True, False, True]), np.array([2.0, 1.0])).tolist()
    [1.0, inf, 0.5]
    """
    ranks = np.empty(np.count_nonzero(mask))
    ranks[np.lexsort(keys[::-1])] = np.arange(1, ranks.size + 1) / max(ranks.size, 1)
    order = np.full(mask.shape, np.inf)
    order[mask] = ranks
    return order
