"""The largest connected piece of uncertain voxels of a structure."""

from __future__ import annotations

from math import prod

import numpy as np
from scipy import ndimage

from segqc_conformal.measures.mask_box import mask_box
from segqc_conformal.measures.probabilities import UNCERTAIN
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "uncertain_blob"]

MEANINGS = {
    "uncertain_blob_ml": f"largest connected volume with {UNCERTAIN} < p < {1 - UNCERTAIN}",
    "uncertain_blob_share": "volume of the largest uncertain blob over that and the judged mask",
}


def uncertain_blob(structure: JudgedStructure) -> dict[str, float]:
    """Measure the largest connected set of uncertain voxels, in the mask or not.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid, with its ``probability``.

    Returns
    -------
    dict of float
        ``uncertain_blob_ml`` (connected by faces, 0 where no voxel is uncertain) and
        ``uncertain_blob_share`` ``blob / (blob + mask)`` in [0, 1], 1 for an empty mask.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([0.5, 0.5, 0.9, 0.5])
    >>> args = ("apex", p, 2, {}, BitPlanes(), p > 0.8, (p > 0.8).long(), (2.0,))
    >>> uncertain_blob(JudgedStructure(*args))["uncertain_blob_ml"]
    0.004
    """
    assert structure.probability is not None
    p = structure.probability.reshape(structure.judged.shape)
    uncertain = ((p > UNCERTAIN) & (p < 1.0 - UNCERTAIN)).cpu().numpy()
    box = mask_box(uncertain)
    size = structure.inside.numel()
    blob = 0
    if box is not None:
        blob = int(np.bincount(ndimage.label(box.mask)[0].reshape(-1))[1:].max())
    return {
        "uncertain_blob_ml": blob * prod(structure.spacing_mm) / 1000.0,
        "uncertain_blob_share": blob / (blob + size) if size else 1.0,
    }
