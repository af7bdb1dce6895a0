"""Slices without a mask."""

from __future__ import annotations

import numpy as np

from segqc_conformal.corruption.reference_masks import MaskPath, ReferenceMasks, near_structures
from segqc_conformal.corruption.removal_order import removal_order

__all__ = ["dropped_slices"]


@near_structures
def dropped_slices(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
    """Drop the share `strength` of all structures together, slice by slice.

    Slices lie across the axis of the largest spacing (of equal ones, any), as they were drawn, and
    go in random order; the last one loses some lines only. In two dimensions they are lines.

    Parameters
    ----------
    reference : ReferenceMasks
    rng : Generator

    Returns
    -------
    MaskPath

    Notes
    -----
    Guarantee: a single structure's Dice is 2 (1 - s) / (2 - s) at strength s, but for whole voxels.
    """
    union, spacing = reference.union, np.array(reference.spacing_mm)
    axis = rng.choice(np.flatnonzero(spacing == spacing.max()))
    places = np.argwhere(union)
    turn, line = rng.permutation(union.shape[axis])[places[:, axis]], (axis + 1) % union.ndim
    going = removal_order(union, turn, places[:, line])
    return lambda strength: reference.masks & (going > strength)
