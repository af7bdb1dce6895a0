"""The judged mask with the accepted regions of a refined mask, and nothing else changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.review.differing_regions import differing_regions

__all__ = ["merged_mask"]


def merged_mask(
    mask: NDArray[Any],
    refined: NDArray[Any],
    structures: Mapping[str, int],
    judged_regions: pd.DataFrame,
) -> NDArray[Any]:
    """Return the judged mask with the accepted regions of the refined one.

    Parameters
    ----------
    mask, refined : ndarray of int, shape ``(*spatial)``
        The two masks that the region table was made of.
    structures : mapping of str to int
        As there.
    judged_regions : DataFrame
        The rows of this case, with ``region``, ``voxels`` and ``accept``.

    Returns
    -------
    ndarray of int, shape ``(*spatial)``
        A new array; elsewhere the labels of `mask`, also those that are no structure.

    Raises
    ------
    InputError
        If the rows are not those of the regions of these masks.

    Notes
    -----
    Guarantee: none by itself; that of the certificate that accepted.

    Examples
    --------
    >>> judged, refined = np.array([0, 1, 0, 0, 0]), np.array([1, 1, 0, 0, 1])
    >>> rows = pd.DataFrame({"region": [1, 2], "voxels": [1, 1], "accept": [True, False]})
    >>> merged_mask(judged, refined, {"a": 1}, rows).tolist()
    [1, 1, 0, 0, 0]
    """
    found = differing_regions(mask, refined, structures)
    sizes = np.bincount(found.numbers.ravel(), minlength=len(found.changes) + 1)[1:]
    rows = judged_regions.sort_values("region")
    received = list(zip(rows["region"].tolist(), rows["voxels"].tolist(), strict=True))
    expected = list(enumerate(sizes.tolist(), start=1))
    if received != expected:
        case = str(rows["case_id"].iloc[0]) if "case_id" in rows and len(rows) else None
        raise InputError(
            f"the {len(expected)} regions in which these masks differ",
            f"{len(received)} rows of other regions or sizes",
            "pass the rows of this case alone, and the masks that region_table took",
            case,
        )
    taken = np.concatenate([[False], rows["accept"].to_numpy(dtype=bool)])[found.numbers]
    return np.where(taken, refined, mask)
