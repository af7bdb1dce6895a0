"""Corrupted structures put back into the mask of their case."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.corruption.reference_masks import Masks

__all__ = ["painted"]


def painted(
    reference: NDArray[np.int64], masks: Masks, labels: tuple[int, ...]
) -> NDArray[np.int64]:
    """Replace some structures of a reference mask by corrupted ones.

    Parameters
    ----------
    reference : ndarray of int, shape ``(*spatial)`` or ``(regions, *spatial)``
    masks : ndarray of bool, shape ``(structures, *spatial)``
    labels : tuple of int
        Of each of the structures.

    Returns
    -------
    ndarray of int64, shape of `reference`
        In a label map all other structures stay as they are. A voxel that several structures claim
        stays with the one it belongs to, if that claims it, and else goes to the first.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> grown = np.array([[True, True, True, False], [False, True, True, True]])
    >>> painted(np.array([1, 1, 2, 0]), grown, (1, 2)).tolist()
    [1, 1, 2, 2]
    """
    each = list(zip(labels, masks, strict=True))
    if reference.ndim == masks.ndim:  # a stack of overlapping regions
        out = reference.copy()
        for label, mask in each:
            out[label - 1] = mask
        return out
    out = np.where(np.isin(reference, labels), 0, reference)
    for label, mask in each:
        out[mask & (reference == label)] = label
    for label, mask in each:
        out[mask & (out == 0)] = label
    return out
