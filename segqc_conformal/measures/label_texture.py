"""Co-occurrence of neighbouring labels around a structure: how ragged and mixed the labels are."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.measures.mask_box import judged_box
from segqc_conformal.uncertainty.judged_structure import JudgedStructure
from segqc_conformal.uncertainty.label_randomness import co_occurrence

__all__ = ["MEANINGS", "label_texture", "neighbour_shares"]

MEANINGS = {
    "label_change_share": "share of neighbours with different labels, in the structure's box",
    "label_energy": "sum of squares of the co-occurrence of neighbouring labels in that box",
    "label_entropy": "entropy of the co-occurrence of neighbouring labels in that box, nats",
    "label_contact_share": "share of the structure's surface that touches other structures",
}


def label_texture(structure: JudgedStructure) -> dict[str, float]:
    """Describe which labels lie beside which, in the structure's bounding box and one voxel around.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`; none depends on how the labels are numbered. All are 0
        for an empty mask. Outside the grid is background.

    Notes
    -----
    Guarantee: none. Neighbours share a face and count by its area. Source: Haralick et al., IEEE
    Transactions on Systems, Man, and Cybernetics 3 (1973) 610-621; of the predicted labels: a
    reconstruction of Liu et al. (2026), whose formulas are not public.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> labels = torch.tensor([0, 1, 1, 2])
    >>> structure = JudgedStructure("a", None, 3, {}, BitPlanes(), labels == 1, labels, (1.0,))
    >>> label_texture(structure)["label_contact_share"]
    0.5
    """
    box = judged_box(structure)
    if box is None:
        return dict.fromkeys(MEANINGS, 0.0)
    labels = box.cut_around(structure.labels.cpu().numpy())
    own = np.pad(box.mask, 1)
    values, numbers = np.unique(np.where(own, -1, labels), return_inverse=True)
    shares = neighbour_shares(numbers.reshape(labels.shape), len(values), structure.spacing_mm)
    held = shares[shares > 0]
    surface = shares[0, 1:].sum()  # the structure comes first, being -1
    contact = shares[0, values > 0].sum()
    return {
        "label_change_share": float(1.0 - np.trace(shares)),
        "label_energy": float(np.square(shares).sum()),
        "label_entropy": float(-(held * np.log(held)).sum()),
        "label_contact_share": float(contact / surface),
    }


def neighbour_shares(
    labels: NDArray[np.int64], count: int, spacing_mm: tuple[float, ...]
) -> NDArray[np.float64]:
    """Share of each pair of labels 0 .. count - 1 among neighbours, ``(count, count)``, symmetric.

    Each pair of voxels with a common face counts in both orders, by the area of the face.

    Examples
    --------
    >>> neighbour_shares(np.array([0, 1, 1]), 2, (1.0,)).tolist()
    [[0.0, 0.25], [0.25, 0.5]]
    """
    pairs = np.zeros((count, count))
    for offset, step in zip(np.eye(labels.ndim, dtype=int).tolist(), spacing_mm, strict=True):
        pairs += co_occurrence(labels, count, offset) * (prod(spacing_mm) / step)
    pairs += pairs.T
    return np.asarray(pairs / pairs.sum())
