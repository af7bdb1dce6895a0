"""The patches around a judged mask, each with a score: how much it is doubted."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import pandas as pd

from segqc_conformal.errors import GeometryError
from segqc_conformal.review.boxes import box_columns
from segqc_conformal.review.slices import across_slices
from segqc_conformal.review.voxel_doubt import EXPECTED_ERROR, doubtful_voxels, voxel_values
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["patch_rows"]

SIDE = 8  # voxels, in a slice


def patch_rows(
    structure: JudgedStructure,
    case_id: str,
    values: str = EXPECTED_ERROR,
    patch: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Score each patch of a structure that is worth a look.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid, with its ``probability``.
    case_id : str
    values : str
        What is summed in a patch: "expected_error" (``|mask - p|``) or a map that is held, such as
        the e-map "normalised_entropy" or "b_map" of Sander et al., or a patch head's map "failure"
        put among the maps.
    patch : sequence of int, optional
        Voxels of a patch on each axis; None: 8 x 8 in a slice, one slice deep.

    Returns
    -------
    DataFrame
        One row for each patch of the grid, beside each other from the first voxel, that holds some
        of the judged mask or a doubtful voxel: ``case_id, structure``, for each axis i ``first_i,
        last_i`` (voxels, from 0, both within) and ``centre_i, centre_mm_i``; ``score``, the sum in
        ml (of 2 axes in 0.001 mm2). The last patch of an axis may be cut off.

    Raises
    ------
    GeometryError
        If `patch` has not one number >= 1 for each axis.
    InputError
        If the values are not held.

    Notes
    -----
    Guarantee: none. Source: Sander et al., Sci. Rep. 10 (2020) 21769 (patches of 8 x 8 voxels).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([0.9, 0.9, 0.5, 0.5])
    >>> mask = p > 0.4
    >>> args = ("apex", p, 2, {}, BitPlanes(), mask, mask.long(), (1.0,))
    >>> rows = patch_rows(JudgedStructure(*args), "c", patch=(2,))
    >>> rows[["first_0", "last_0", "score"]].round(4).values.tolist()
    [[0.0, 1.0, 0.0002], [2.0, 3.0, 0.001]]
    """
    shape, spacing = tuple(structure.judged.shape), structure.spacing_mm
    sizes = _sizes(shape, spacing) if patch is None else tuple(patch)
    if len(sizes) != len(shape) or min(sizes) < 1:
        raise GeometryError(f"{len(shape)} sizes >= 1, in voxels", patch, "one for each axis")
    counts = tuple(-(-length // size) for length, size in zip(shape, sizes, strict=True))
    held = _tile_sums(structure.judged.cpu().numpy() | doubtful_voxels(structure), sizes) > 0
    sums = _tile_sums(voxel_values(structure, values), sizes)
    tiles = np.argwhere(held)
    first = tiles * np.array(sizes)
    last = np.minimum(first + np.array(sizes), shape) - 1
    assert sums.shape == counts
    return pd.DataFrame(
        {
            "case_id": case_id,
            "structure": structure.name,
            **box_columns(first, last, (first + last) / 2.0, spacing),
            "score": sums[held] * prod(spacing) / 1000.0,
        }
    )


def _sizes(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> tuple[int, ...]:
    axis = across_slices(shape, spacing_mm) if len(shape) == 3 else None
    return tuple(1 if place == axis else SIDE for place in range(len(shape)))


def _tile_sums(values: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    for axis, size in enumerate(sizes):
        starts = np.arange(0, values.shape[axis], size)
        values = np.add.reduceat(values.astype(np.float64), starts, axis=axis)
    return values
