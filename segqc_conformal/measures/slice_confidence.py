"""Soft Dice Confidence of the slices of a structure."""

from __future__ import annotations

import numpy as np

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.measures.parts import part_sums, slice_axis, slice_numbers
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "slice_confidence"]

MEANINGS = {
    "soft_dice_confidence_slice_mean": "mean Soft Dice Confidence of the judged mask's slices",
    "soft_dice_confidence_slice_min": "smallest Soft Dice Confidence of the judged mask's slices",
}


def slice_confidence(structure: JudgedStructure) -> dict[str, float]:
    """Compute the Soft Dice Confidence of each slice that holds some of the judged mask.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid, with its ``probability``.

    Returns
    -------
    dict of float
        Mean and smallest over these slices, in [0, 1]; 0 for an empty mask.

    Notes
    -----
    Guarantee: none. Slices are taken across the axis of the largest spacing. Slices without the
    mask are left out: a trace of probability in them would make the smallest value 0.
    Source: Borges et al., arXiv 2402.10665.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([1.0, 0.5, 0.0])
    >>> args = ("apex", p, 2, {}, BitPlanes(), p >= 0.5, (p >= 0.5).long(), (1.0,))
    >>> round(slice_confidence(JudgedStructure(*args))["soft_dice_confidence_slice_min"], 4)
    0.6667
    """
    assert structure.probability is not None
    inside = structure.inside
    if not inside.numel():
        return dict.fromkeys(MEANINGS, 0.0)
    p, slices = structure.probability, slice_numbers(inside, structure)
    within = part_sums(p[inside], slices)
    size = np.bincount(slices.cpu().numpy())
    axis = slice_axis(structure.spacing_mm)
    across = [other for other in range(structure.judged.ndim) if other != axis]
    on_grid = p.reshape(structure.judged.shape)
    total = (on_grid.double().sum(dim=across) if across else on_grid.double()).cpu().numpy()
    held = size > 0
    confidence = dice_from_volumes(within[held], total[: len(size)][held], size[held])
    return {
        "soft_dice_confidence_slice_mean": float(confidence.mean()),
        "soft_dice_confidence_slice_min": float(confidence.min()),
    }
