"""What the samples' votes, the share of samples that hold a voxel, say about the judged mask."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.measures.reducers import weighted_sum
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
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> planes, mask = BitPlanes(), torch.tensor([True, True])
    >>> planes.add(mask)
    >>> planes.add(torch.tensor([True, False]))
    >>> structure = JudgedStructure("apex", None, 2, {}, planes, mask, mask.long(), (1.0,))
    >>> voting(structure)["vote_share"], round(voting(structure)["majority_dice"], 4)
    (0.75, 0.6667)
    """
    weights, inside_weights = structure.weights, structure.inside_weights
    counts = structure.planes.votes()
    samples = structure.planes.samples
    judged_counts = counts[structure.inside]
    majority, judged_majority = 2 * counts > samples, 2 * judged_counts > samples
    within = weighted_sum(judged_counts, inside_weights) / samples
    size, total = structure.size, weighted_sum(counts, weights) / samples
    common = weighted_sum(judged_majority, inside_weights)
    entropy = weighted_sum(_binary_entropy(judged_counts / samples), inside_weights)
    return {
        "majority_dice": float(dice_from_volumes(common, weighted_sum(majority, weights), size)),
        "vote_entropy": entropy / size if size else log(2.0),
        "vote_share": within / size if size else 0.0,
        "vote_soft_dice": float(dice_from_volumes(within, total, size)) if size else 0.0,
    }


def _binary_entropy(share: Tensor) -> Tensor:
    p = share.double()
    return -torch.xlogy(p, p) - torch.xlogy(1.0 - p, 1.0 - p)
