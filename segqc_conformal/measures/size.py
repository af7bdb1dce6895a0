"""Size of the judged mask."""

from __future__ import annotations

import numpy as np

from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "size"]

MEANINGS = {
    "log_volume": "log10 of 1 + volume of the judged mask in mm^3",
    "volume_ml": "volume of the judged mask; 0 marks an empty one",
}


def size(structure: JudgedStructure) -> dict[str, float]:
    """Measure the volume of the judged mask.

    Parameters
    ----------
    structure : JudgedStructure

    Returns
    -------
    dict of float
        ``volume_ml`` and ``log_volume`` (log10 of 1 + mm^3). On fewer than three axes the "mm^3"
        are mm or mm^2; of elements with weights the sum of weights stands for mm^3.

    Notes
    -----
    Guarantee: ``volume_ml`` is 0 exactly where the mask is empty; it marks that stratum.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.ones(5, 5, dtype=torch.bool)
    >>> structure = JudgedStructure("a", None, 2, {}, BitPlanes(), mask, mask.long(), (2.0, 2.0))
    >>> size(structure)["volume_ml"]
    0.1
    """
    volume_mm3 = structure.volume_mm3
    return {"log_volume": float(np.log10(1.0 + volume_mm3)), "volume_ml": volume_mm3 / 1000.0}
