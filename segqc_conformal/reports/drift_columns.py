"""Calibration cases and recent cases side by side, one column per structure and quantity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segqc_conformal.errors import InputError
from segqc_conformal.features.table import feature_columns
from segqc_conformal.whole_case import is_single

__all__ = ["changes", "not_comparable", "one_row_per_case", "quantities"]

LEARNED = ("predicted_dice", "accept_score")


def quantities(rows: pd.DataFrame) -> list[str]:
    """Return the numeric columns that can drift: predicted Dice, accept score and features."""
    return [*(name for name in LEARNED if name in rows), *feature_columns(rows)]


def one_row_per_case(rows: pd.DataFrame) -> pd.DataFrame:
    """Spread rows per (case, structure) to one row per case.

    Parameters
    ----------
    rows : DataFrame
        ``case_id`` (or ``case``), ``structure`` and `quantities`; of a repeated (case, structure)
        the last row counts.

    Returns
    -------
    DataFrame
        Columns ``"structure: quantity"``, features without their prefix. ``whole_case`` rows give
        their accept score only: the rest belongs to its structures.

    Raises
    ------
    InputError
        If a column is missing.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": ["a", "a"], "structure": ["x", "y"],
    ...                      "accept_score": [1.0, 2.0], "feature_iou": [0.5, 0.6]})
    >>> one_row_per_case(rows).columns.tolist()
    ['x: accept_score', 'y: accept_score', 'x: iou', 'y: iou']
    """
    case = "case_id" if "case_id" in rows else "case"
    missing = [name for name in (case, "structure", "accept_score") if name not in rows]
    if missing:
        raise InputError(
            "rows with case_id, structure and accept_score",
            f"no column {missing}",
            "give the log's rows, or a profile",
        )
    last = rows.drop_duplicates([case, "structure"], keep="last")
    spread = {
        quantity: last.pivot(index=case, columns="structure", values=quantity)
        for quantity in quantities(last)
    }
    columns = {
        f"{structure}: {quantity.removeprefix('feature_')}": values[structure]
        for quantity, values in spread.items()
        for structure in values.columns
        if quantity == "accept_score" or is_single(structure)
    }
    return pd.DataFrame(columns).astype(np.float64)


def not_comparable(then: pd.DataFrame, now: pd.DataFrame) -> dict[str, str]:
    """Say which columns cannot be compared, and why.

    Parameters
    ----------
    then, now : DataFrame
        As `one_row_per_case` returns them.

    Returns
    -------
    dict of str to str
        Columns that are missing, without a finite value, or constant, in one of the tables.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> not_comparable(pd.DataFrame({"x": [1.0, 2.0], "y": 0.0}), pd.DataFrame({"x": [1.0, 3.0]}))
    {'y': 'missing in the recent cases'}
    """
    names = dict.fromkeys([*then.columns, *now.columns])
    return {name: why for name in names if (why := _fault(then, now, name))}


def _fault(then: pd.DataFrame, now: pd.DataFrame, name: str) -> str:
    values = {}
    for place, table in (("calibration", then), ("recent", now)):
        if name not in table:
            return f"missing in the {place} cases"
        finite = table[name][np.isfinite(table[name])]
        if finite.empty:
            return f"no finite value in the {place} cases"
        values[place] = finite
    constant = [
        f"{finite.iloc[0]:g} in the {place} cases"
        for place, finite in values.items()
        if finite.nunique() == 1
    ]
    return f"constant: {', '.join(constant)}" if constant else ""


def changes(then: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Rank the columns by how far their middle moved.

    Parameters
    ----------
    then, now : DataFrame
        As `one_row_per_case` returns them.

    Returns
    -------
    DataFrame
        ``column, median_then, median_now, moved``: `moved` is the change of the median in units
        of the calibration cases' spread (interquartile range / 1.35, a standard deviation for
        normal values); most moved first, columns without spread left out.

    Notes
    -----
    Guarantee: none; descriptive.
    """
    common = [name for name in then.columns if name in now]
    finite = [table[common].replace([np.inf, -np.inf], np.nan) for table in (then, now)]
    spread = (finite[0].quantile(0.75) - finite[0].quantile(0.25)) / 1.35
    medians = [table.median() for table in finite]
    moved = (medians[1] - medians[0]) / spread.where(spread > 0)
    table = pd.DataFrame(
        {
            "column": common,
            "median_then": medians[0].to_numpy(),
            "median_now": medians[1].to_numpy(),
            "moved": moved.to_numpy(),
        }
    ).dropna()
    return table.sort_values("moved", key=np.abs, ascending=False, ignore_index=True)
