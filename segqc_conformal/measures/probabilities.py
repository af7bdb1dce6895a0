"""What the mean probability of a structure says about the judged mask."""

from __future__ import annotations

from torch import Tensor

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.measures.reducers import weighted_sum
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "UNCERTAIN", "probabilities"]

# Not 0.2: where few samples are certain, p is a multiple of 1/5 or 1/10, and a tie with the bound
# would be decided by rounding.
UNCERTAIN = 0.205

MEANINGS = {
    "mean_probability": "mean probability of the structure over the judged mask",
    "probability_outside": "share of the structure's probability outside the judged mask",
    "soft_dice_confidence": "Soft Dice of the probability and the judged mask",
    "uncertain_mass": "sum of p (1 - p) over sum of p and size of the judged mask",
    "uncertain_volume_fraction": "share of uncertain voxels among them and the judged mask",
}

_OF_NOTHING = {
    "mean_probability": 0.0,
    "probability_outside": 1.0,
    "soft_dice_confidence": 0.0,
    "uncertain_mass": 1.0,
    "uncertain_volume_fraction": 1.0,
}


def probabilities(structure: JudgedStructure) -> dict[str, float]:
    """Compare the mean probability p of a structure with its judged mask M.

    Parameters
    ----------
    structure : JudgedStructure
        With its ``probability``.

    Returns
    -------
    dict of float
        ``soft_dice_confidence`` ``2 sum_M p / (sum p + card M)``, ``mean_probability`` in M,
        ``probability_outside`` (share of ``sum p`` outside M), ``uncertain_mass``
        ``sum p (1 - p) / (sum p + card M)``, ``uncertain_volume_fraction`` (voxels with
        0.205 < p < 0.795 over those and M). An empty M is never confident, not even where p is 0
        throughout: ``mean_probability`` and ``soft_dice_confidence`` are 0, the others 1.

    Notes
    -----
    Guarantee: none. Source: Borges et al., arXiv 2402.10665 (Soft Dice Confidence).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([0.9, 0.8, 0.1])
    >>> m = p > 0.5
    >>> structure = JudgedStructure("apex", p, 2, {}, BitPlanes(), m, m.long(), (1.0,))
    >>> round(probabilities(structure)["soft_dice_confidence"], 4)
    0.8947
    """
    if not structure.size:
        return dict(_OF_NOTHING)
    assert structure.probability is not None
    p, weights = structure.probability, structure.weights
    size, total = structure.size, weighted_sum(p, weights)
    within = weighted_sum(p[structure.inside], structure.inside_weights)
    spread = weighted_sum(p * (1.0 - p), weights)
    return {
        "mean_probability": within / size,
        # Two sums of one set can differ in the last bit.
        "probability_outside": min(1.0, max(0.0, 1.0 - within / total)) if total else 1.0,
        "soft_dice_confidence": float(dice_from_volumes(within, total, size)),
        "uncertain_mass": spread / (total + size),
        "uncertain_volume_fraction": _uncertain_volume_fraction(p, structure),
    }


def _uncertain_volume_fraction(p: Tensor, structure: JudgedStructure) -> float:
    uncertain = (p > UNCERTAIN) & (p < 1.0 - UNCERTAIN)
    volume = weighted_sum(uncertain, structure.weights)
    both = weighted_sum(uncertain[structure.inside], structure.inside_weights)
    return volume / (volume + structure.size - both)
