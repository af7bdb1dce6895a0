"""How far the agreement of the samples spreads: quantiles of Dice, and a bias in volume."""

from __future__ import annotations

import torch

from segqc_conformal.measures.reducers import quantiles
from segqc_conformal.measures.sample_dice import sample_dice
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
        One number for each of `MEANINGS`. Quantiles are values that occur, in [0, 1]; those of
        pairs are 1 for one sample. ``sample_volume_bias`` is in [-1, 1], 0 where all is empty.

    Notes
    -----
    Guarantee: none; the quantiles are a range of plausible Dice without a promise.
    Source: Wundram et al., arXiv 2407.13307 (quantiles of sample-based Dice).

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> planes, mask = BitPlanes(), torch.tensor([True, True])
    >>> planes.add(torch.tensor([True, False]))
    >>> structure = JudgedStructure("apex", None, 2, {}, planes, mask, mask.long(), (1.0,))
    >>> round(agreement_spread(structure)["sample_volume_bias"], 4)
    -0.3333
    """
    volumes, pairs, to_judged = sample_dice(structure)
    features = {
        f"{name}_{level}": value
        for name, dice in (("pairwise_dice", pairs), ("sample_dice", to_judged))
        for level, value in zip(
            _LEVELS, quantiles(torch.from_numpy(dice), None, [*_LEVELS.values()]), strict=True
        )
    }
    both = volumes.mean() + structure.size
    bias = (volumes.mean() - structure.size) / both if both else 0.0
    return {**features, "sample_volume_bias": float(bias)}
