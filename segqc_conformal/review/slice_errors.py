"""What is wrong with each slice of a mask whose reference mask is known."""

from __future__ import annotations

from math import prod

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.errors import GeometryError
from segqc_conformal.quality.net.error_targets import intolerable_errors
from segqc_conformal.review.slices import across_slices

__all__ = ["INSIDE_MM", "OUTSIDE_MM", "SMALLEST", "slice_errors"]

OUTSIDE_MM, INSIDE_MM, SMALLEST = 4.6, 3.1, 10


def slice_errors(
    mask: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    *,
    case_id: str,
    structure: str,
    outside_mm: float = OUTSIDE_MM,
    inside_mm: float = INSIDE_MM,
    smallest: int = SMALLEST,
) -> pd.DataFrame:
    """Count the errors of one structure slice by slice.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape ``(x, y, z)``
        The judged mask, and that of an expert or what a person made of it.
    spacing_mm : tuple of float
    case_id, structure : str
    outside_mm, inside_mm : float
        How far from the reference an error may lie and be tolerated, see `intolerable_errors`.
    smallest : int
        Errors of fewer voxels that hang together are tolerated.

    Returns
    -------
    DataFrame
        One row for each slice in which either mask has a voxel, in order: ``case_id, structure,
        slice``, the voxels ``judged, reference, shared``, ``wrong_ml``, ``intolerable_ml``, and
        ``dice`` in [0, 1].

    Raises
    ------
    GeometryError
        If the masks differ in shape or have not 3 axes.

    Notes
    -----
    Guarantee: none (arithmetic). Source of the tolerance: Sander et al., Sci. Rep. 10 (2020) 21769.

    Examples
    --------
    >>> mask = np.zeros((4, 4, 3), bool); mask[:, :2, 1] = True
    >>> reference = np.zeros((4, 4, 3), bool); reference[:, :, 1] = True
    >>> rows = slice_errors(mask, reference, (1.0,) * 3, case_id="c", structure="apex")
    >>> rows[["slice", "judged", "shared", "wrong_ml", "intolerable_ml"]].values.tolist()
    [[1.0, 8.0, 8.0, 0.008, 0.0]]
    """
    if mask.shape != reference.shape or mask.ndim != 3:
        raise GeometryError(
            f"a reference mask of shape {mask.shape}, 3 axes",
            reference.shape,
            "resample the reference mask to the grid of the image",
            case_id,
        )
    axis = across_slices(mask.shape, spacing_mm)
    others = tuple(place for place in range(3) if place != axis)
    far = intolerable_errors(mask, reference, spacing_mm, outside_mm, inside_mm, smallest)
    judged, known, shared, wrong, intolerable = (
        each.sum(axis=others) for each in (mask, reference, mask & reference, mask ^ reference, far)
    )
    voxel_ml = prod(spacing_mm) / 1000.0
    held = np.flatnonzero(judged + known)
    table = pd.DataFrame(
        {
            "case_id": case_id,
            "structure": structure,
            "slice": np.arange(mask.shape[axis]),
            "judged": judged,
            "reference": known,
            "shared": shared,
            "wrong_ml": wrong * voxel_ml,
            "intolerable_ml": intolerable * voxel_ml,
            "dice": dice_from_volumes(shared, judged, known),
        }
    )
    return table.iloc[held].reset_index(drop=True)
