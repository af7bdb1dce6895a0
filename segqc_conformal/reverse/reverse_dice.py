"""Reverse Dice of single references, and the features made of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.case import in_structure
from segqc_conformal.dice import dice

__all__ = ["FEATURES", "reverse_dice", "summarised"]

FEATURES = tuple(
    f"reverse_dice_{name}"
    for name in ("max", "mean", "median", "q25", "q75", "min", "std", "count")
)


def reverse_dice(
    segmented: NDArray[np.int64],
    reference: NDArray[np.int64],
    structures: Mapping[str, int],
    spatial_axes: int,
) -> dict[str, float]:
    """Return the Dice of a reference's segmentation and its reference mask, by structure.

    Parameters
    ----------
    segmented, reference : ndarray of int, shape ``(*spatial)`` or ``(regions, *spatial)``
        `segmented` on the grid of the reference, in a form of its own.
    structures : mapping of str to int
    spatial_axes : int

    Returns
    -------
    dict of str to float
        In [0, 1]. **NaN where the reference lacks the structure**: by the rule for empty masks an
        empty judged mask would have Dice 1 there, though such a reference cannot show whether the
        mask finds anything. Where the reference has it, nothing segmented is Dice 0.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> reverse_dice(np.array([1, 1, 0]), np.array([1, 0, 0]), {"a": 1, "b": 2}, 1)
    {'a': 0.6666666666666666, 'b': nan}
    """
    found = {}
    for name, label in structures.items():
        there = in_structure(reference, label, spatial_axes)
        said = in_structure(segmented, label, spatial_axes)
        found[name] = dice(said, there) if there.any() else np.nan
    return found


def summarised(values: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Make features of single reverse Dice values.

    Parameters
    ----------
    values : DataFrame
        With ``structure`` and ``reverse_dice``, of one case.

    Returns
    -------
    dict
        Structure -> ``reverse_dice_max`` (the score of the source), ``_mean``, ``_median``,
        ``_q25``, ``_q75``, ``_min``, ``_std`` (of these references, not of a population) and
        ``_count``, the references that have the structure; all but the count are NaN where none
        has it.

    Notes
    -----
    Guarantee: none. Source: Valindria et al. (2017), the maximum.

    Examples
    --------
    >>> rows = pd.DataFrame({"structure": ["a", "a"], "reverse_dice": [0.5, 0.9]})
    >>> summarised(rows)["a"]["reverse_dice_max"]
    0.9
    """
    return {
        str(name): _summary(rows.dropna().to_numpy(dtype=np.float64))
        for name, rows in values.groupby("structure", sort=False)["reverse_dice"]
    }


def _summary(values: NDArray[np.float64]) -> dict[str, float]:
    if not values.size:
        return {**dict.fromkeys(FEATURES, np.nan), "reverse_dice_count": 0.0}
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    numbers = (values.max(), values.mean(), middle, low, high, values.min(), values.std())
    return dict(zip(FEATURES, (*map(float, numbers), float(values.size)), strict=True))
