"""Where the judged mask lies in the image."""

from __future__ import annotations

import numpy as np

from segqc_conformal.measures.mask_box import judged_box
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "shape_place"]

MEANINGS = {
    "border_share": "share of the judged mask's voxels at the image's border",
    "centroid_offset_mm": "distance from the image's centre to the judged mask's centroid",
}


def shape_place(structure: JudgedStructure) -> dict[str, float]:
    """Say how near to the border, and how far from the centre of the image the judged mask lies.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of float
        ``border_share`` in [0, 1]: a structure cut off by the image; axes of length 1, as of a
        single slice, have no border. ``centroid_offset_mm``. Both 0 for an empty mask.

    Notes
    -----
    Guarantee: none (geometry).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.tensor([1, 1, 0, 0, 0]).bool()
    >>> structure = JudgedStructure("apex", None, 2, {}, BitPlanes(), mask, mask.long(), (2.0,))
    >>> shape_place(structure)
    {'border_share': 0.5, 'centroid_offset_mm': 3.0}
    """
    shape, spacing = structure.judged.shape, np.asarray(structure.spacing_mm)
    box = judged_box(structure)
    if box is None:
        return dict.fromkeys(MEANINGS, 0.0)
    places = np.argwhere(box.mask) + [part.start for part in box.slices]
    ends = np.array(shape) - 1
    at_border = ((places == 0) | (places == ends))[:, ends > 0].any(axis=1)
    offset = (places.mean(axis=0) - ends / 2.0) * spacing
    return {
        "border_share": float(at_border.mean()),
        "centroid_offset_mm": float(np.linalg.norm(offset)),
    }
