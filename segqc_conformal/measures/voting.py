"""What the samples' votes, the share of samples that hold a voxel, say about the judged mask."""

from __future__ import annotations

from math import log

import numpy as np
from scipy.special import entr

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "voting"]

MEANINGS = {
    "majority_dice": "Dice of the majority vote of the samples to the judged mask",
    "vote_entropy": "mean entropy of the votes, structure or not, over the judged mask, nats",
    "vote_share": "mean share of the samples that hold a voxel of the judged mask",
    "vote_soft_dice": "Soft Dice Confidence of the judged mask, of votes instead of probabilities",
}


def voting(structure: JudgedStructure) -> dict[str, float]:
    """Compare the samples' votes with the judged mask.

    Parameters
    ----------
    structure : JudgedStructure

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`; a majority is more than half of the samples. Of an empty
        mask ``vote_entropy`` is log(2), the most uncertain value, and ``vote_share`` and
        ``vote_soft_dice`` are 0; as a Dice of two masks ``majority_dice`` follows the rule of
        `segqc_conformal.dice`.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> planes, mask = BitPlanes(), torch.tensor([True, True])
    >>> planes.add(mask)
    >>> planes.add(torch.tensor([True, False]))
    >>> structure = JudgedStructure("apex", None, 2, {}, planes, mask, mask.long(), (1.0,))
    >>> voting(structure)["vote_share"], round(voting(structure)["majority_dice"], 4)
    (0.75, 0.6667)
    """
    planes, size = structure.planes, structure.size
    share = np.arange(planes.samples + 1) / planes.samples
    everywhere = structure.vote_histogram
    judged = planes.vote_histogram(structure.inside, structure.weights)
    majority = 2 * np.arange(planes.samples + 1) > planes.samples
    within, total = float(judged @ share), float(everywhere @ share)
    common, voted = judged[majority].sum(), everywhere[majority].sum()
    entropy = float(judged @ (entr(share) + entr(1.0 - share)))
    return {
        "majority_dice": float(dice_from_volumes(common, voted, size)),
        "vote_entropy": entropy / size if size else log(2.0),
        "vote_share": within / size if size else 0.0,
        "vote_soft_dice": float(dice_from_volumes(within, total, size)) if size else 0.0,
    }
