"""A mask once a person has corrected what was looked at: a simulation with the reference mask."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.errors import GeometryError

__all__ = ["corrected_dice", "corrected_mask", "voxels_of"]


def voxels_of(rows: pd.DataFrame, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the voxels of slices, or of the boxes of patches or regions, of one case.

    Examples
    --------
    >>> voxels_of(pd.DataFrame({"axis": [1], "slice": [2]}), (2, 3)).astype(int).tolist()
    [[0, 0, 1], [0, 0, 1]]
    >>> voxels_of(pd.DataFrame({"first_0": [1], "last_0": [2]}), (4,)).tolist()
    [False, True, True, False]
    """
    there = np.zeros(shape, dtype=bool)
    for row in rows.to_dict("records"):
        box = [slice(None)] * len(shape)
        for axis in range(len(shape)):
            if f"first_{axis}" in row:
                box[axis] = slice(int(row[f"first_{axis}"]), int(row[f"last_{axis}"]) + 1)
        if "slice" in row:
            box[row["axis"]] = slice(row["slice"], row["slice"] + 1)
        there[tuple(box)] = True
    return there


def corrected_mask(
    mask: NDArray[np.generic], reference: NDArray[np.generic], looked_at: NDArray[np.bool_]
) -> NDArray[np.generic]:
    """Return a mask that was corrected where somebody looked: there it is the reference.

    Examples
    --------
    >>> mask, reference = np.array([1, 0, 0]), np.array([1, 1, 1])
    >>> corrected_mask(mask, reference, np.array([True, True, False])).tolist()
    [1, 1, 0]
    """
    if not mask.shape == reference.shape == looked_at.shape:
        raise GeometryError(
            f"reference and looked_at of shape {mask.shape}",
            (reference.shape, looked_at.shape),
            "give them on the grid of the mask",
        )
    return np.where(looked_at, reference, mask)


def corrected_dice(errors: pd.DataFrame, looked_at: ArrayLike) -> pd.Series:
    """Return the Dice of each case and structure once the slices looked at are corrected.

    Parameters
    ----------
    errors : DataFrame
        Of `slice_errors`, all slices of the cases.
    looked_at : array_like of bool, shape ``(rows,)``

    Returns
    -------
    Series
        By ``case_id`` and ``structure``.

    Examples
    --------
    >>> errors = pd.DataFrame({"case_id": "c", "structure": "apex", "slice": [0, 1],
    ...     "judged": [4, 4], "reference": [4, 4], "shared": [2, 4]})
    >>> corrected_dice(errors, [True, False]).tolist(), corrected_dice(errors, [False] * 2).tolist()
    ([1.0], [0.75])
    """
    opened = np.asarray(looked_at, dtype=bool)
    known = errors["reference"]
    whole = errors.assign(
        judged=errors["judged"].where(~opened, known),
        shared=errors["shared"].where(~opened, known),
    )
    sums = whole.groupby(["case_id", "structure"], sort=False)[["judged", "reference", "shared"]]
    total = sums.sum()
    dice = dice_from_volumes(total["shared"], total["judged"], total["reference"])
    return pd.Series(dice, total.index, name="dice")
