"""What accepting a region does to Dice: gains and shares that add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.review.differing_regions import DifferingRegions

__all__ = ["GAINS", "region_gains"]

GAINS = ("gain_added", "gain_removed", "share_added", "share_removed")


def region_gains(
    found: DifferingRegions, before: NDArray[np.intp], reference: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    """Return what each region does to the structure that gets it and to the one that loses it.

    Parameters
    ----------
    found : DifferingRegions
    before, reference : ndarray of int, shape ``(*spatial)``
        `structure_codes` of the judged and of the reference mask.

    Returns
    -------
    dict of str to ndarray of float64, shape (regions,)
        `GAINS`; 0 where that side is the background. With D the judged mask's Dice of the
        structure, S the summed sizes of its judged and reference mask (at least 1), n the region's
        voxels and t those of them that the reference gives the structure: ``gain_added = (2 t - D
        n) / S``, ``share_added = n / S``, and the same with the other sign for ``removed``.

    Notes
    -----
    Guarantee: exact. Whatever regions are accepted together, the Dice of a structure changes by
    ``sum of its gains / (1 + sum of its shares)``: the new Dice is ``(D S + 2 (t added - t
    removed)) / (S + n added - n removed)``; subtract D. So it rises, stays or falls as the sum of
    gains is above, at or below 0: Dice is not additive, the sign of its change is. (Where both
    masks were empty, the fall of 1 is given as n / (1 + n); where nothing is left of both, the sums
    are 0 and -1, and Dice is 1.)
    Compared with "more right voxels than wrong", ``t > n / 2``: a region may be added at
    ``t > D n / 2``, which such a majority implies, and removed at ``t < D n / 2``, which it does
    not: a removed voxel must be wrong more clearly than an added one right.
    Source: own; the mediant inequality.

    Examples
    --------
    >>> from segqc_conformal.review.differing_regions import differing_regions
    >>> before, after = np.array([1, 1, 0, 0, 0]), np.array([1, 0, 0, 1, 1])
    >>> found = differing_regions(before, after, {"a": 1})
    >>> gains = region_gains(found, before, np.array([0, 1, 0, 1, 1]))  # Dice is 2/5
    >>> gains["gain_added"].round(2).tolist(), gains["gain_removed"].round(2).tolist()
    ([0.64, 0.0], [0.0, -0.32])
    """
    codes = len(found.names)
    inside = found.numbers > 0
    which, truth = found.numbers[inside] - 1, reference[inside]
    sizes = np.bincount(which, minlength=len(found.changes))
    both = np.bincount(np.stack([before, reference]).ravel(), minlength=codes)
    shared = np.bincount(before[before == reference], minlength=codes)
    judged_dice = dice_from_volumes(shared, both, 0)
    gains: dict[str, NDArray[np.float64]] = {}
    for side, name, sign in ((1, "added", 1.0), (0, "removed", -1.0)):
        of_side = found.changes[:, side]
        held = np.bincount(which, weights=truth == of_side[which], minlength=len(found.changes))
        scale = np.where(of_side > 0, sign, 0.0) / np.maximum(both[of_side], 1)
        gains[f"gain_{name}"] = np.asarray(
            (2.0 * held - judged_dice[of_side] * sizes) * scale + 0.0
        )
        gains[f"share_{name}"] = np.asarray(sizes * scale + 0.0)
    return gains
