"""What to look at first: rows of slices, patches or regions in one order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segqc_conformal.errors import InputError

__all__ = ["in_order", "slices_together"]


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Put rows in the order in which to look at them.

    Parameters
    ----------
    rows : DataFrame
        With ``score``: what `slice_rows`, `patch_rows` or `region_rows` returned, of one case or,
        concatenated, of many; or a user's own scores, such as ``1 - predicted_dice`` of the slices
        that a `SliceHead` predicts. The larger the score, the sooner.

    Returns
    -------
    DataFrame
        The same rows with ``place`` from 1, the first to look at first; ties as given.

    Raises
    ------
    InputError
        If ``score`` is missing or holds NaN.

    Notes
    -----
    Guarantee: none; the order promises nothing.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": ["a", "b"], "slice": [4, 7], "score": [0.1, 0.6]})
    >>> in_order(rows)[["place", "case_id", "slice"]].values.tolist()
    [[1, 'b', 7], [2, 'a', 4]]
    """
    if "score" not in rows or rows["score"].isna().any():
        raise InputError(
            "rows with a score each",
            "no column 'score'" if "score" not in rows else "NaN among the scores",
            "give a number for each row, the larger the sooner",
        )
    ordered = rows.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    return ordered.assign(place=np.arange(1, len(ordered) + 1))


def slices_together(rows: pd.DataFrame) -> pd.DataFrame:
    """Make one row of each slice of a case: that of its worst structure.

    Parameters
    ----------
    rows : DataFrame
        Of `slice_rows`, of all structures: who opens a slice sees them all.

    Returns
    -------
    DataFrame
        The row with the largest score of each case and slice, in the order of the slices.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": "a", "structure": ["x", "y", "x"], "slice": [4, 4, 3],
    ...                      "score": [0.1, 0.6, 0.2]})
    >>> slices_together(rows)[["slice", "structure"]].values.tolist()
    [[3, 'x'], [4, 'y']]
    """
    worst = rows.sort_values("score", ascending=False, kind="stable")
    first = worst.drop_duplicates(["case_id", "slice"])
    by_case = first["case_id"].map({name: i for i, name in enumerate(rows["case_id"].unique())})
    return first.iloc[np.lexsort([first["slice"], by_case])].reset_index(drop=True)
