"""How far the agreement of the samples spreads: quantiles of Dice, and a bias in volume."""

from __future__ import annotations

import numpy as np

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.measures.judged_voxels import JudgedVoxels
from segqc_conformal.uncertainty.bit_planes import pairwise_dice
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "agreement_spread"]

MEANINGS = {
    "pairwise_dice_q10": "0.1-quantile of the Dice of each two samples",
    "pairwise_dice_q50": "median Dice of each two samples",
    "pairwise_dice_q90": "0.9-quantile of the Dice of each two samples",
    "sample_dice_q10": "0.1-quantile of the Dice of each sample to the judged mask",
    "sample_dice_q50": "median Dice of each sample to the judged mask",
    "sample_dice_q90": "0.9-quantile of the Dice of each sample to the judged mask",
    "sample_volume_bias": "(mean volume of the samples - volume of the judged mask) / their sum",
}
_LEVELS = {"q10": 0.1, "q50": 0.5, "q90": 0.9}


def agreement_spread(structure: JudgedStructure) -> dict[str, float]:
    """Describe the spread of the samples' agreement, from their masks alone.

    Parameters
    ----------
    structure : JudgedStructure

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`. Quantiles are interpolated linearly, in [0, 1]; those of
        pairs are 1 for one sample. ``sample_volume_bias`` is in [-1, 1], 0 where all is empty.

    Notes
    -----
    Guarantee: none; the quantiles are a range of plausible Dice without a promise.
    Source: Wundram et al., arXiv 2407.13307 (quantiles of sample-based Dice).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> planes, mask = BitPlanes(), torch.tensor([True, True])
    >>> planes.add(torch.tensor([True, False]))
    >>> structure = JudgedStructure("apex", None, 2, {}, planes, mask, mask.long(), (1.0,))
    >>> round(agreement_spread(structure)["sample_volume_bias"], 4)
    -0.3333
    """
    planes, inside = structure.planes, JudgedVoxels(structure)
    shared = planes.intersections(structure.weights)
    volumes = np.diag(shared)
    pairs = pairwise_dice(shared)[np.triu_indices(planes.samples, k=1)]
    within = planes.counts_within(inside.indices, structure.weights)
    dice = {
        "pairwise_dice": pairs if pairs.size else np.ones(1),
        "sample_dice": dice_from_volumes(within, volumes, inside.size),
    }
    features = {
        f"{name}_{level}": float(np.quantile(values, at))
        for name, values in dice.items()
        for level, at in _LEVELS.items()
    }
    both = volumes.mean() + inside.size
    bias = (volumes.mean() - inside.size) / both if both else 0.0
    return {**features, "sample_volume_bias": float(bias)}
