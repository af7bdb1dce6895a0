"""Mean entropies over the judged mask."""

from __future__ import annotations

from math import log

from segqc_conformal.measures.reducers import weighted_mean
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "entropies"]

MEANINGS = {
    "expected_entropy": "mean expected entropy over the judged mask, nats",
    "mutual_information": "mean mutual information over the judged mask, nats",
    "predictive_entropy": "mean predictive entropy over the judged mask, nats",
}


def entropies(structure: JudgedStructure) -> dict[str, float]:
    """Average the three entropy maps over the judged mask, in nats.

    Parameters
    ----------
    structure : JudgedStructure
        With the maps of `MEANINGS`.

    Returns
    -------
    dict of float
        In [0, log(classes)]; of an empty mask log(classes), the most uncertain value: no case
        looks certain because nothing was found.

    Notes
    -----
    Guarantee: none. Source: Hoebel et al., SPIE 11313 (2020); Roy et al., NeuroImage 195 (2019).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> maps, mask = dict.fromkeys(MEANINGS, torch.tensor([0.5, 0.1])), torch.tensor([True, False])
    >>> structure = JudgedStructure("apex", None, 2, maps, BitPlanes(), mask, mask.long(), (1.0,))
    >>> entropies(structure)["predictive_entropy"]
    0.5
    """
    if not structure.size:
        return dict.fromkeys(MEANINGS, log(structure.class_count))
    return {
        name: weighted_mean(structure.maps[name][structure.inside], structure.inside_weights)
        for name in MEANINGS
    }
