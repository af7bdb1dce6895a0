"""Principal axes of the judged mask, in mm, from its moments of inertia."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.measures.mask_box import judged_box
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "principal_axes", "shape_axes"]

MEANINGS = {
    "axis_major_mm": "longest axis of the ellipsoid with the judged mask's moments",
    "axis_middle_mm": "second longest axis of that ellipsoid",
    "axis_minor_mm": "shortest axis of that ellipsoid",
    "elongation": "second longest over longest axis",
    "flatness": "shortest over longest axis",
}


def shape_axes(structure: JudgedStructure) -> dict[str, float]:
    """Measure the principal axes of the judged mask.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`; in one dimension all axes are one. The ratios are 1 where
        the longest axis is 0, as of a single voxel; all are 0 for an empty mask.

    Notes
    -----
    Guarantee: none (geometry). The axes are those of the voxel centres, exact for a fine ellipsoid:
    ``2 sqrt((axes + 2) variance)``. Ratios as in Zwanenburg et al., Radiology 295 (2020) 328-338.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.ones(4, 2, dtype=torch.bool)
    >>> structure = JudgedStructure("a", None, 2, {}, BitPlanes(), mask, mask.long(), (1.0, 1.0))
    >>> shape_axes(structure)["axis_minor_mm"]
    2.0
    """
    box = judged_box(structure)
    if box is None:
        return dict.fromkeys(MEANINGS, 0.0)
    lengths = principal_axes(box.mask, structure.spacing_mm)
    major, middle, minor = lengths[0], lengths[min(1, len(lengths) - 1)], lengths[-1]
    return {
        "axis_major_mm": float(major),
        "axis_middle_mm": float(middle),
        "axis_minor_mm": float(minor),
        "elongation": float(middle / major) if major else 1.0,
        "flatness": float(minor / major) if major else 1.0,
    }


def principal_axes(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Lengths in mm of the axes of the ellipsoid with a mask's moments, longest first.

    Examples
    --------
    >>> principal_axes(np.ones((3, 1), dtype=bool), (1.5, 1.5)).round(4).tolist()
    [4.899, 0.0]
    """
    places = np.argwhere(mask) * np.asarray(spacing_mm)
    apart = places - places.mean(axis=0)
    variances = np.linalg.eigvalsh(apart.T @ apart / len(places))[::-1]
    # What is left of zero after rounding must not look like an axis.
    variances[variances < variances[0] * 1e-12] = 0.0
    return np.asarray(2.0 * np.sqrt((mask.ndim + 2.0) * variances))
