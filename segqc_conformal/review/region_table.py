"""The region table: one row per connected region in which a refined mask differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.features.table import feature_columns
from segqc_conformal.review.differing_regions import differing_regions, structure_codes
from segqc_conformal.review.region_features import region_features
from segqc_conformal.review.region_gains import GAINS, region_gains

__all__ = ["check_regions", "region_table"]

IDS = ("case_id", "patient_id", "region", "judged_as", "refined_as")


def region_table(
    case_id: str,
    patient_id: str,
    mask: NDArray[Any],
    refined: NDArray[Any],
    structures: Mapping[str, int],
    maps: Mapping[str, Any] | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    reference: NDArray[Any] | None = None,
) -> pd.DataFrame:
    """Describe every region in which a candidate refined mask differs from the judged mask.

    Parameters
    ----------
    case_id, patient_id : str
    mask, refined : ndarray of int, shape ``(*spatial)``
        The judged mask, and a candidate from any tool (see `differing_regions`).
    structures : mapping of str to int
        Structure name -> label.
    maps : mapping of str to array, optional
        What samples say voxel by voxel, such as ``accumulator.maps(["mean_probability",
        "predictive_entropy"])`` (see `region_features`).
    spacing_mm : tuple of float, optional
        Voxel size; None: ones.
    reference : ndarray of int, shape ``(*spatial)``, optional
        The reference mask of a labelled case.

    Returns
    -------
    DataFrame
        Columns ``case_id, patient_id, region`` (1, 2, ...), ``judged_as`` and ``refined_as`` (a
        structure or "background"), ``voxels``, one ``feature_...`` column for each of
        `region_features`, and with a reference ``gain_added, gain_removed, share_added,
        share_removed`` (see `region_gains`). Tables of several cases are concatenated; columns of
        your own that begin with ``feature_`` are learned from too.

    Raises
    ------
    InputError, GeometryError
        Naming the case.

    Notes
    -----
    Guarantee: none. The image is not read.

    Examples
    --------
    >>> judged, refined = np.array([0, 1, 1, 0, 0]), np.array([0, 1, 1, 1, 0])
    >>> table = region_table("c", "p", judged, refined, {"a": 1}, reference=refined)
    >>> table[["judged_as", "refined_as", "voxels", "gain_added"]].values.tolist()
    [['background', 'a', 1, 0.24]]
    """
    found = differing_regions(mask, refined, structures, case_id)
    before = structure_codes(mask, structures, case_id)
    spacing = (1.0,) * before.ndim if spacing_mm is None else spacing_mm
    if len(spacing) != before.ndim:
        raise GeometryError(
            f"a spacing of {before.ndim} numbers", spacing, "one for each axis", case_id
        )
    features = region_features(found, before, maps or {}, spacing, case_id)
    judged_as, refined_as = (np.array(found.names, dtype=object)[side] for side in found.changes.T)
    table = pd.DataFrame(
        {
            "case_id": case_id,
            "patient_id": patient_id,
            "region": np.arange(1, len(found.changes) + 1),
            "judged_as": judged_as,
            "refined_as": refined_as,
            "voxels": np.bincount(found.numbers.ravel(), minlength=len(found.changes) + 1)[1:],
            **{f"feature_{name}": values for name, values in features.items()},
        }
    )
    if reference is None:
        return table
    truth = structure_codes(reference, structures, case_id)
    if truth.shape != before.shape:
        raise GeometryError(
            f"a reference mask of the judged mask's shape {before.shape}",
            truth.shape,
            "resample it to the grid of the judged mask",
            case_id,
        )
    return table.assign(**region_gains(found, before, truth))


def check_regions(regions: pd.DataFrame, *, labelled: bool) -> None:
    """Refuse a table that is no region table, or one without what its reference masks say.

    Raises
    ------
    InputError
    """
    wanted = (*IDS, *(GAINS if labelled else ()))
    missing = [column for column in wanted if column not in regions]
    if missing or not feature_columns(regions):
        raise InputError(
            f"a region table with the columns {', '.join([*wanted, 'feature_...'])}",
            f"none of {', '.join(missing or ['feature_...'])}",
            "make it with region_table, of labelled cases with reference=",
        )
    twice = regions.duplicated(["case_id", "region"])
    if twice.any():
        case = str(regions.loc[twice, "case_id"].iloc[0])
        raise InputError("each region once", "a repeated one", "concatenate each case once", case)
    numbers = [*(GAINS if labelled else ()), *(feature_columns(regions) if labelled else ())]
    bad = ~np.isfinite(regions[numbers].to_numpy(dtype=np.float64)).all(axis=1)
    if bad.any():
        case = str(regions.loc[bad, "case_id"].iloc[0])
        raise InputError("finite gains and features", "NaN or infinity", "leave it out", case)
