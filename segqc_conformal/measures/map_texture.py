"""First-order statistics of predictive entropy in the judged mask, beyond its mean."""

from __future__ import annotations

import numpy as np

from segqc_conformal.measures.first_order import BINS, histogram_entropy, moments
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "map_texture"]

_WHAT = "predictive entropy in the judged mask"
MEANINGS = {
    "predictive_entropy_histogram_entropy": f"entropy of the {BINS}-bin histogram of {_WHAT}",
    "predictive_entropy_kurtosis": f"excess kurtosis of {_WHAT}",
    "predictive_entropy_skewness": f"skewness of {_WHAT}",
    "predictive_entropy_std": f"standard deviation of {_WHAT}",
}


def map_texture(structure: JudgedStructure) -> dict[str, float]:
    """Describe how predictive entropy varies over the judged mask.

    Parameters
    ----------
    structure : JudgedStructure
        With its predictive entropy.

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`, all 0 for an empty mask.

    Notes
    -----
    Guarantee: none. Source: Zenk et al., arXiv 2406.03323 (radiomics of the uncertainty map).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> maps, mask = {"predictive_entropy": torch.tensor([0.5, 0.25])}, torch.ones(2) > 0
    >>> structure = JudgedStructure("apex", None, 2, maps, BitPlanes(), mask, mask.long(), (1.0,))
    >>> map_texture(structure)["predictive_entropy_std"]
    0.125
    """
    if not structure.size:
        return dict.fromkeys(MEANINGS, 0.0)
    held = structure.inside_weights
    weights = None if held is None else held.cpu().numpy()
    values = structure.maps["predictive_entropy"][structure.inside].cpu().numpy()
    values = values.astype(np.float64)
    found = moments(values, weights)
    return {
        "predictive_entropy_histogram_entropy": histogram_entropy(values, weights),
        "predictive_entropy_kurtosis": found["kurtosis"],
        "predictive_entropy_skewness": found["skewness"],
        "predictive_entropy_std": found["std"],
    }
