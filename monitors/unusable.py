"""Cases of the log that a watch cannot use: what is missing is never taken as a value."""

from __future__ import annotations

import pandas as pd

from segqc_conformal.whole_case import deciding_rows, single_structures

__all__ = ["unusable_cases"]


def unusable_cases(rows: pd.DataFrame, features: list[str]) -> dict[str, str]:
    """Say why cases cannot be used.

    Parameters
    ----------
    rows : DataFrame
        As `CaseLog.stream_rows` returns them, with every column of `features`.
    features : list of str
        The features that are watched.

    Returns
    -------
    dict of str to str
        Reason by case id; cases that can be used are not in it.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": ["c1", "c2"], "structure": "liver", "reason": "certified",
    ...     "message": "", "accept_score": [1.0, 2.0], "feature_x": [0.1, None]})
    >>> unusable_cases(rows, ["feature_x"])
    {'c2': 'no feature_x in the log'}
    """
    decided = rows.loc[deciding_rows(rows) & rows["accept_score"].notna(), "case_id"]
    faults = dict.fromkeys(rows.loc[~rows["case_id"].isin(decided), "case_id"], "no accept score")
    single = single_structures(rows["structure"])
    for name in features:
        gone = rows.loc[single & rows[name].isna(), "case_id"]
        faults |= dict.fromkeys(gone, f"no {name} in the log")
    wrong = rows[rows["reason"] == "input_error"]
    return faults | {
        case_id: f"input_error: {message}"
        for case_id, message in zip(wrong["case_id"], wrong["message"], strict=True)
    }
