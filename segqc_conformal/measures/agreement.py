"""How the samples' masks of a structure agree with each other and with the judged mask."""

from __future__ import annotations

from segqc_conformal.measures.sample_dice import sample_dice
from segqc_conformal.uncertainty.bit_planes import iou_of_votes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "agreement"]

MEANINGS = {
    "iou_all": "volume in every sample over volume in any",
    "pairwise_dice": "mean Dice of each two samples",
    "pairwise_dice_min": "smallest Dice of any two samples",
    "sample_dice_mean": "mean Dice of each sample to the judged mask",
    "sample_dice_min": "smallest Dice of a sample to the judged mask",
    "volume_cv": "coefficient of variation of the samples' volumes",
}


def agreement(structure: JudgedStructure) -> dict[str, float]:
    """Measure the agreement of the samples, from their masks alone.

    Parameters
    ----------
    structure : JudgedStructure

    Returns
    -------
    dict of float
        ``pairwise_dice`` (mean over all pairs of samples) and ``pairwise_dice_min``, both 1 for one
        sample; ``iou_all`` (in every sample over in any); ``volume_cv`` of the samples' volumes
        (ddof = 1, 0 for one sample or if all are empty, at most the root of the number of samples);
        ``sample_dice_mean`` and ``_min`` (Dice of each sample to the judged mask).

    Notes
    -----
    Guarantee: none. Two empty masks agree, as `segqc_conformal.dice` rules: the feature
    ``volume_ml`` = 0 marks that stratum.
    Source: Roy et al., NeuroImage 195 (2019) 11-22; Wang et al., Neurocomputing 338 (2019) 34-45.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> planes, mask = BitPlanes(), torch.tensor([True, True])
    >>> planes.add(mask)
    >>> planes.add(torch.tensor([True, False]))
    >>> structure = JudgedStructure("apex", None, 2, {}, planes, mask, mask.long(), (1.0,))
    >>> agreement(structure)["iou_all"], round(agreement(structure)["pairwise_dice"], 4)
    (0.5, 0.6667)
    """
    volumes, pairs, to_judged = sample_dice(structure)
    spread = volumes.std(ddof=1) if volumes.size > 1 else 0.0
    return {
        "iou_all": iou_of_votes(structure.vote_histogram),
        "pairwise_dice": float(pairs.mean()),
        "pairwise_dice_min": float(pairs.min()),
        "sample_dice_mean": float(to_judged.mean()),
        "sample_dice_min": float(to_judged.min()),
        "volume_cv": float(spread / volumes.mean()) if volumes.any() else 0.0,
    }
