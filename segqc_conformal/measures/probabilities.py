"""What the mean probability of a structure says about the judged mask."""

from __future__ import annotations

from torch import Tensor

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.measures.judged_voxels import JudgedVoxels
from segqc_conformal.measures.reducers import weighted_sum
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "NAMES", "UNCERTAIN", "probabilities"]

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
NAMES = tuple(MEANINGS)


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
        0.205 < p < 0.795 over those and M). Of an empty M ``probability_outside`` is 1 and
        ``mean_probability`` 0.

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
    assert structure.probability is not None
    p, inside, weights = structure.probability, JudgedVoxels(structure), structure.weights
    size, total = inside.size, weighted_sum(p, weights)
    within = weighted_sum(p[inside.indices], inside.weights)
    spread = weighted_sum(p * (1.0 - p), weights)
    return {
        "mean_probability": within / size if size else 0.0,
        # Two sums of one set can differ in the last bit.
        "probability_outside": min(1.0, max(0.0, 1.0 - within / total)) if size and total else 1.0,
        "soft_dice_confidence": float(dice_from_volumes(within, total, size)),
        "uncertain_mass": spread / (total + size) if total + size else 0.0,
        "uncertain_volume_fraction": _uncertain_volume_fraction(p, inside, weights),
    }


def _uncertain_volume_fraction(p: Tensor, inside: JudgedVoxels, weights: Tensor | None) -> float:
    uncertain = (p > UNCERTAIN) & (p < 1.0 - UNCERTAIN)
    volume = weighted_sum(uncertain, weights)
    either = volume + inside.size - weighted_sum(uncertain[inside.indices], inside.weights)
    return volume / either if either else 0.0
