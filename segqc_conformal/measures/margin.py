"""The uncertainty margin of a structure: how far apart its likely and its possible surface are."""

from __future__ import annotations

from math import prod

import numpy as np

from segqc_conformal.measures.distance import distance_to, surface_voxels
from segqc_conformal.measures.mask_box import mask_box
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["EPSILON", "MEANINGS", "margin"]

EPSILON = 0.05
_SLACK = 1e-6  # with 20 certain samples p is often 0.05 or 0.95: no rounding decides

_WAY = f"from the surface of p > {EPSILON:g} to p >= {1 - EPSILON:g}"
MEANINGS = {
    "uncertainty_margin_high_ml": f"volume of p > {EPSILON:g}, the largest possible",
    "uncertainty_margin_low_ml": f"volume of p >= {1 - EPSILON:g}, the certain part",
    "uncertainty_margin_max_mm": f"largest way {_WAY}",
    "uncertainty_margin_mean_mm": f"mean way {_WAY}",
    "uncertainty_margin_share": "share of the largest possible volume that is not certain",
}


def margin(structure: JudgedStructure) -> dict[str, float]:
    """Measure the band in which a structure may end, ``0.05 < p < 0.95``.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid, with its ``probability``.

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`. With V(p >= 0.95) the certain and V(p > 0.05) the
        possible volume: ``.._low_ml`` and ``.._high_ml``; ``.._share``, what of the possible volume
        is not certain; ``.._mean_mm`` and ``.._max_mm``, from the centres of the outermost possible
        voxels to the nearest certain voxel, 0 where both surfaces are one. Where no voxel is
        certain the distance is taken to the most probable ones. Where none is possible, distances
        and volumes are 0 and ``.._share`` is 1.

    Notes
    -----
    Guarantee: none; the volumes are no interval with a promise. Computed in the box of the possible
    voxels, the image's border counts as outside. A reconstruction of the margin in Hershkovich and
    Riklin-Raviv, ISBI 2018, whose text fixes neither epsilon nor the discrete distance.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([0.0, 0.3, 0.6, 1.0, 0.5, 0.0])
    >>> args = ("apex", p, 2, {}, BitPlanes(), p > 0.5, (p > 0.5).long(), (2.0,))
    >>> margin(JudgedStructure(*args))["uncertainty_margin_max_mm"]
    4.0
    """
    assert structure.probability is not None
    spacing = structure.spacing_mm
    p = structure.probability.reshape(structure.judged.shape)
    box = mask_box((p > EPSILON + _SLACK).cpu().numpy())
    if box is None:
        return {**dict.fromkeys(MEANINGS, 0.0), "uncertainty_margin_share": 1.0}
    possible, near = box.mask, p[box.slices].cpu().numpy()
    certain = near >= 1.0 - EPSILON - _SLACK
    low, high = int(np.count_nonzero(certain)), int(np.count_nonzero(possible))
    core = certain if low else near >= near.max()
    width = distance_to(core, spacing)[surface_voxels(possible)]
    voxel_ml = prod(spacing) / 1000.0
    return {
        "uncertainty_margin_high_ml": high * voxel_ml,
        "uncertainty_margin_low_ml": low * voxel_ml,
        "uncertainty_margin_max_mm": float(width.max()),
        "uncertainty_margin_mean_mm": float(width.mean()),
        "uncertainty_margin_share": (high - low) / high,
    }
