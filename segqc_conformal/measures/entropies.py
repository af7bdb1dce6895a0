"""Mean entropies over the judged mask."""

from __future__ import annotations

from math import log

from segqc_conformal.measures.judged_voxels import JudgedVoxels
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "NAMES", "entropies"]

MEANINGS = {
    "expected_entropy": "mean expected entropy over the judged mask, nats",
    "mutual_information": "mean mutual information over the judged mask, nats",
    "predictive_entropy": "mean predictive entropy over the judged mask, nats",
}
NAMES = tuple(MEANINGS)


def entropies(structure: JudgedStructure) -> dict[str, float]:
    """Average the three entropy maps over the judged mask, in nats.

    Parameters
    ----------
    structure : JudgedStructure
        With the maps of `NAMES`.

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
    >>> maps, mask = dict.fromkeys(NAMES, torch.tensor([0.5, 0.1])), torch.tensor([True, False])
    >>> structure = JudgedStructure("apex", None, 2, maps, BitPlanes(), mask, mask.long(), (1.0,))
    >>> entropies(structure)["predictive_entropy"]
    0.5
    """
    inside = JudgedVoxels(structure)
    if not inside.size:
        return dict.fromkeys(NAMES, log(structure.class_count))
    return {name: inside.mean(structure.maps[name]) for name in NAMES}
