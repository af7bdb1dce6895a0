"""What accepting a region does to Dice: gains that add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.review.differing_regions import DifferingRegions

__all__ = ["region_gains"]


def region_gains(
    found: DifferingRegions, before: NDArray[np.intp], reference: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each region's gain for the structure that gets it and for the one that loses it.

    Parameters
    ----------
    found : DifferingRegions
    before, reference : ndarray of int, shape ``(*spatial)``
        `structure_codes` of the judged and of the reference mask.

    Returns
    -------
    (added, removed) : tuple of ndarray of float64, shape (regions,)
        In units of Dice; 0 where that side is the background. With D the judged mask's Dice of the
        structure, S the summed sizes of its judged and reference mask, n the region's voxels and t
        those of them that the reference gives the structure: ``added = (2 t - D n) / S`` and
        ``removed = (D n - 2 t) / S``.

    Notes
    -----
    Guarantee: exact. Whatever regions are accepted together, the Dice of a structure changes by
    ``G S / S'``, where G is the sum of their gains for it and S' is S plus the voxels it nets: the
    new Dice is ``(D S + 2 (t added - t removed)) / S'``, and ``S' = S + n added - n removed``. So
    it rises, stays or falls exactly as G is above, at or below 0: Dice is not additive, the sign of
    its change is. (Where nothing is left of both masks, G is 0 and Dice becomes 1.) Compared with
    "more right voxels than wrong", ``t > n / 2``: a region may be added at ``t > D n / 2``, which
    such a majority implies, and removed at ``t < D n / 2``, which it does not: a removed voxel must
    be wrong more clearly than an added one right.
    Source: own; the mediant inequality.

    Examples
    --------
    >>> from segqc_conformal.review.differing_regions import differing_regions
    >>> before, after = np.array([1, 1, 0, 0, 0]), np.array([1, 0, 0, 1, 1])
    >>> found = differing_regions(before, after, {"a": 1})  # D = 2/5 against the last four
    >>> region_gains(found, before, np.array([0, 1, 0, 1, 1]))[0].round(2).tolist()
    [0.64, 0.0]
    >>> region_gains(found, before, np.array([0, 1, 0, 1, 1]))[1].round(2).tolist()
    [0.0, -0.32]
    """
    codes = len(found.names)
    inside = found.numbers > 0
    which, truth = found.numbers[inside] - 1, reference[inside]
    sizes = np.bincount(which, minlength=len(found.changes))
    both = np.bincount(np.stack([before, reference]).ravel(), minlength=codes)
    shared = np.bincount(before[before == reference], minlength=codes)
    judged_dice = dice_from_volumes(shared, both, 0)

    def gain(side: int) -> NDArray[np.float64]:
        of_side = found.changes[:, side]
        held = np.bincount(which, weights=truth == of_side[which], minlength=len(found.changes))
        gained = (2.0 * held - judged_dice[of_side] * sizes) / np.maximum(both[of_side], 1)
        return np.where(of_side > 0, gained, 0.0)

    return gain(1), np.asarray(0.0 - gain(0))
