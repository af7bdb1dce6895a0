"""The order of the slices that are left once some were corrected."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.errors import InputError

__all__ = ["CORRELATION", "after_correction", "expected_surplus"]

CORRELATION = 0.3  # chosen on the hippocampus pool, docs/benchmarks.md
KEYS = ["case_id", "structure", "slice"]


def after_correction(
    rows: pd.DataFrame, corrected: pd.DataFrame, correlation: float = CORRELATION
) -> pd.DataFrame:
    """Take corrected slices off the list, and score their neighbours by what was found in them.

    Parameters
    ----------
    rows : DataFrame
        Of `slice_rows`, of one case or many, with the scores made before any correction.
    corrected : DataFrame
        ``case_id, structure, slice`` and ``error``: what was wrong with each corrected slice, in
        the unit of the scores: of `slice_errors`, ``wrong_ml`` for "expected_error_sum" and
        ``1 - dice`` for "soft_dice_confidence" or "pairwise_dice". All corrected so far.
    correlation : float in [0, 1)
        Of the surplus (error less score) of two neighbouring slices; 0: what is found in a slice
        says nothing of others.

    Returns
    -------
    DataFrame
        The rows of all other slices, in the order given, with new scores >= 0: the old one and the
        surplus to be expected there.

    Raises
    ------
    InputError
        For a missing column, an error that is not a finite number, or a correlation outside [0, 1).

    Notes
    -----
    The surplus is taken as a stationary autoregression of order 1 along the slices of a structure:
    expected at d slices from the only corrected one is ``correlation ** d`` times the surplus found
    there, and between two corrected ones the conditional mean. Cases do not change each other.
    Guarantee: none. That a corrected slice is known and the next one is the worst of the rest is
    after Zhou et al. 2022; their network segments anew from the corrected slices, which is not
    done here.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": "c", "structure": "apex", "slice": [3, 4, 9],
    ...                      "score": [0.1, 0.4, 0.2]})
    >>> found = pd.DataFrame({"case_id": ["c"], "structure": ["apex"], "slice": [4],
    ...                       "error": [0.8]})
    >>> after_correction(rows, found)["score"].round(4).tolist()
    [0.22, 0.201]
    """
    _check(rows, corrected, correlation)
    known = rows[[*KEYS, "score"]].merge(corrected[[*KEYS, "error"]], how="left", on=KEYS)
    score = known["score"].to_numpy(dtype=float).copy()
    surplus = known["error"].to_numpy(dtype=float) - score
    for places in known.groupby(["case_id", "structure"], sort=False).indices.values():
        slices = known["slice"].to_numpy()[places]
        score[places] += expected_surplus(slices, surplus[places], correlation)
    opened = pd.MultiIndex.from_frame(corrected[["case_id", "slice"]])
    left = ~pd.MultiIndex.from_frame(rows[["case_id", "slice"]]).isin(opened)
    return rows.assign(score=np.maximum(score, 0.0))[left].reset_index(drop=True)


def expected_surplus(
    slices: NDArray[np.int64], surplus: NDArray[np.float64], correlation: float
) -> NDArray[np.float64]:
    """Return the surplus to be expected in each slice of a structure, given that of some.

    Parameters
    ----------
    slices : ndarray of int, shape ``(slices,)``
    surplus : ndarray of float, shape ``(slices,)``
        NaN where it is not known.
    correlation : float in [0, 1)

    Returns
    -------
    ndarray of float, shape ``(slices,)``
        0 everywhere if none is known; where it is known, that.

    Examples
    --------
    >>> expected_surplus(np.array([1, 2, 3]), np.array([1.0, np.nan, 0.0]), 0.5).tolist()
    [1.0, 0.4, 0.0]
    """
    at = np.flatnonzero(~np.isnan(surplus))
    if not at.size:
        return np.zeros(len(slices))
    at = at[np.argsort(slices[at])]
    known, found = slices[at], surplus[at]
    after = np.searchsorted(known, slices)
    # beyond the first and last known slice there is none: infinitely far, which weighs nothing
    left, right = np.maximum(after - 1, 0), np.minimum(after, len(known) - 1)
    to_left = np.where(after > 0, slices - known[left], np.inf)
    to_right = np.where(after < len(known), known[right] - slices, np.inf)
    a, b = correlation**to_left, correlation**to_right
    both = 1.0 - (a * b) ** 2
    weighted = a * (1.0 - b**2) * found[left] + b * (1.0 - a**2) * found[right]
    return np.asarray(weighted / both)


def _check(rows: pd.DataFrame, corrected: pd.DataFrame, correlation: float) -> None:
    missing = [name for name in (*KEYS, "score") if name not in rows]
    missing += [name for name in (*KEYS, "error") if name not in corrected]
    if missing:
        raise InputError(
            "rows of slices, and corrected slices with their error", f"no columns {missing}",
            "give what slice_rows returned, and case_id, structure, slice, error",
        )  # fmt: skip
    if not np.isfinite(corrected["error"].to_numpy(dtype=float)).all():
        raise InputError("a finite error of each slice", "NaN or inf", "leave the slice out")
    if not 0.0 <= correlation < 1.0:
        raise InputError("a correlation in [0, 1)", correlation, "give 0 for no re-ranking")
