"""From the Dice of slices to the Dice of the volume, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["combine_slices"]


def combine_slices(
    dice: ArrayLike, fraction: ArrayLike, area: ArrayLike, missed_area: ArrayLike
) -> NDArray[np.float64]:
    """Return the Dice of volumes from that of their slices.

    Parameters
    ----------
    dice : array_like, shape ``(..., slices)``
        Dice of each slice, in [0, 1].
    fraction : array_like, same shape
        ``A / (A + B)``, where A is the area of the judged mask in a slice and B that of the
        reference mask; in (0, 1] where A > 0, not looked at elsewhere.
    area : array_like, same shape
        A, in voxels or mm2, >= 0.
    missed_area : array_like, same shape
        B where A = 0, >= 0; not looked at elsewhere.

    Returns
    -------
    ndarray of float64, shape ``(...)``
        In [0, 1]; 1 where both masks are empty throughout.

    Raises
    ------
    InputError
        For a fraction outside (0, 1] where there is an area.

    Notes
    -----
    Guarantee: with true values of the slices it is the true Dice of the volume, up to rounding: its
    numerator and its denominator are sums over slices, and ``A + B`` is ``A / fraction``, or B
    where A is 0. Source: Fournel et al., Med. Image Anal. 74 (2021) 102213; the missed slices,
    which a ratio to A loses, are ours.

    Examples
    --------
    >>> round(float(combine_slices([0.5, 0.0], [0.25, 0.0], [4, 0], [0, 4])), 4)
    0.4
    """
    dice, fraction, area, missed = (
        np.asarray(values, dtype=np.float64) for values in (dice, fraction, area, missed_area)
    )
    seen = area > 0
    if not ((fraction[seen] > 0) & (fraction[seen] <= 1)).all():
        raise InputError(
            "fractions in (0, 1] where the judged mask has an area",
            f"from {fraction[seen].min():.4g} to {fraction[seen].max():.4g}",
            "give A / (A + B)",
        )
    total = np.where(seen, area / np.where(seen, fraction, 1.0), missed)
    whole = total.sum(axis=-1)
    both_empty = np.ones_like(whole)
    return np.asarray(np.divide((total * dice).sum(axis=-1), whole, both_empty, where=whole > 0))
