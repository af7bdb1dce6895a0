"""The whole case: its worst structure, judged and calibrated like a structure of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["WHOLE_CASE", "whole_case_rows"]

WHOLE_CASE = "whole_case"


def whole_case_rows(rows: pd.DataFrame, structures: tuple[str, ...]) -> pd.DataFrame:
    """Add up the structures of each case to one row: the worst of them.

    Parameters
    ----------
    rows : DataFrame
        Usable rows, one per (case, structure), with ``predicted_dice``, ``scale``,
        ``accept_score`` and ``dice``.
    structures : tuple of str
        The structures that make a whole case.

    Returns
    -------
    DataFrame
        One row per case that has every structure, with ``structure = "whole_case"``: Dice and
        accept score are the worst structure's; predicted Dice and its scale are those of the
        structure with the worst predicted Dice (missing where one structure is predicted empty).
        Empty where there is a single structure.

    Notes
    -----
    Guarantee: none by itself; the row is calibrated like a structure, because accepting all
    structures one by one carries no promise for the case.
    """
    if len(structures) < 2:
        return rows.iloc[:0]
    complete = rows.groupby("case_id")["structure"].transform("nunique") == len(structures)
    rows = rows[complete]
    # an empty prediction has no predicted Dice: it is the worst
    order = rows["predicted_dice"].fillna(-np.inf)
    worst = rows.assign(_order=order).sort_values(["case_id", "_order"], kind="stable")
    out = worst.drop_duplicates("case_id").drop(columns="_order").set_index("case_id")
    by_case = rows.groupby("case_id")
    out["structure"] = WHOLE_CASE
    out["accept_score"] = by_case["accept_score"].min()
    # min skips missing values, but the Dice of a case is unknown if one structure's is
    out["dice"] = by_case["dice"].agg(lambda dice: dice.min(skipna=False))
    features = [column for column in out.columns if column.startswith("feature_")]
    out[features] = np.nan
    return out.reset_index()
