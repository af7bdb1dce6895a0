"""The whole case: its worst structure, judged and calibrated like a structure of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

__all__ = [
    "WHOLE_CASE",
    "deciding_rows",
    "is_single",
    "largest_of",
    "rows_together",
    "single_structures",
    "subset_name",
    "whole_case_rows",
    "with_extreme_features",
    "worst_dice",
    "worst_dice_together",
]

WHOLE_CASE = "whole_case"
SUBSET = "subset:"  # what the row of a named subset of structures is called by, before its name


def whole_case_rows(
    rows: pd.DataFrame,
    structures: tuple[str, ...],
    subsets: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Add up the structures of each case to one row: the worst of them; also of named subsets.

    Parameters
    ----------
    rows : DataFrame
        Usable rows, one per (case, structure), with ``predicted_dice``, ``scale``,
        ``accept_score`` and ``dice``.
    structures : tuple of str
        The structures that make a whole case.
    subsets : mapping of str to sequence of str, optional
        By name: some of the structures, added up in the same way.

    Returns
    -------
    DataFrame
        One row per case that has every structure, with ``structure = "whole_case"`` (or
        "subset:" and the name of the subset): Dice and accept score are the worst structure's;
        predicted Dice and its scale are those of the structure with the worst predicted Dice
        (missing where one structure is predicted empty; `score_rows` moves it to a centre). No
        ``whole_case`` where there is a single structure.

    Notes
    -----
    Guarantee: none by itself; the row is calibrated like a structure, because accepting all
    structures one by one carries no promise for the case.
    """
    parts = [
        _worst_rows(rows, subset_name(name), members) for name, members in (subsets or {}).items()
    ]
    if len(structures) > 1:
        parts.append(_worst_rows(rows, WHOLE_CASE, structures))
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0]


def _worst_rows(rows: pd.DataFrame, name: str, structures: Sequence[str]) -> pd.DataFrame:
    rows = rows[rows["structure"].isin(list(structures))]
    complete = rows.groupby("case_id")["structure"].transform("nunique") == len(structures)
    rows = rows[complete]
    # an empty prediction has no predicted Dice: it is the worst
    order = rows["predicted_dice"].fillna(-np.inf)
    worst = rows.assign(_order=order).sort_values(["case_id", "_order"], kind="stable")
    out = worst.drop_duplicates("case_id").drop(columns="_order").set_index("case_id")
    by_case = rows.groupby("case_id")
    out["structure"] = name
    out["accept_score"] = by_case["accept_score"].min()
    out["dice"] = worst_dice(rows)
    features = [column for column in out.columns if column.startswith("feature_")]
    out[features] = np.nan
    return out.reset_index()


def with_extreme_features(
    rows: pd.DataFrame, together: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Give rows that stand for several structures the extremes of each feature over these.

    The smallest value goes where the feature stands; the largest beside it, under `largest_of` its
    name. Rows of single structures have their own value in both.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": ["c"] * 3, "structure": ["a", "b", "whole_case"],
    ...                      "feature_x": [0.9, 0.4, None]})
    >>> found = with_extreme_features(rows, {"whole_case": ("a", "b")})
    >>> found["feature_x"].tolist(), found[largest_of("feature_x")].tolist()
    ([0.9, 0.4, 0.4], [0.9, 0.4, 0.9])
    """
    features = [column for column in rows.columns if column.startswith("feature_")]
    largest = [largest_of(name) for name in features]
    out = rows.assign(**{largest_of(name): rows[name] for name in features})
    for name, members in together.items():
        here = out["structure"] == name
        cases = out.loc[here, "case_id"]
        of_these = rows[rows["structure"].isin(list(members))].groupby("case_id")[features]
        out.loc[here, features] = of_these.min().reindex(cases).to_numpy()
        out.loc[here, largest] = of_these.max().reindex(cases).to_numpy()
    return out


def largest_of(feature: str) -> str:
    """Return where `with_extreme_features` puts the largest value of a feature.

    Examples
    --------
    >>> largest_of("feature_x")
    'largest feature_x'
    """
    return f"largest {feature}"


def worst_dice(rows: pd.DataFrame) -> pd.Series:
    """Return the Dice of each whole case: that of its worst structure.

    Parameters
    ----------
    rows : DataFrame
        ``case_id`` and ``dice``, one row per structure.

    Returns
    -------
    Series of float
        By case id; NaN where the Dice of one structure is unknown.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": ["a", "a", "b", "b"], "dice": [0.9, 0.7, 0.8, np.nan]})
    >>> worst_dice(rows).tolist()
    [0.7, nan]
    """
    by_case = rows.groupby("case_id")["dice"]
    # min skips missing values, but the Dice of a case is unknown if one structure's is
    return by_case.min().where(by_case.count() == by_case.size())


def worst_dice_together(rows: pd.DataFrame, together: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the Dice of what is judged together: subsets and whole cases, one row each.

    Parameters
    ----------
    rows : DataFrame
        ``case_id``, ``structure`` and ``dice``, one row per structure.
    together : mapping of str to sequence of str
        What the rows are called, and their structures (see `rows_together`).

    Returns
    -------
    DataFrame
        ``case_id, structure, dice``; NaN where the Dice of one structure is unknown or its row
        is missing.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": "c", "structure": ["a", "b", "d"], "dice": [0.9, 0.7, 0.5]})
    >>> worst_dice_together(rows, {"subset:first": ("a", "b")}).values.tolist()
    [['c', 'subset:first', 0.7]]
    """
    columns = ["case_id", "structure", "dice"]
    parts = []
    for name, members in together.items():
        of_these = rows[rows["structure"].isin(list(members))]
        complete = of_these.groupby("case_id").size() == len(members)
        dice = worst_dice(of_these).where(complete).reset_index().assign(structure=name)
        parts.append(dice[columns])
    return pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0][columns]


def subset_name(name: str) -> str:
    """Return what the rows of a named subset are called in the column ``structure``.

    Examples
    --------
    >>> subset_name("tumour")
    'subset:tumour'
    """
    return SUBSET + name


def rows_together(
    structures: tuple[str, ...], subsets: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return what is judged together: named subsets, and the whole case where there are several.

    Examples
    --------
    >>> rows_together(("core", "edema", "rest"), {"tumour": ["core", "edema"]})["subset:tumour"]
    ('core', 'edema')
    """
    named = {subset_name(name): tuple(members) for name, members in subsets.items()}
    return {**named, **({WHOLE_CASE: structures} if len(structures) > 1 else {})}


def is_single(structure: str) -> bool:
    """Return whether a name is that of a single structure, not of a whole case or a subset.

    Examples
    --------
    >>> is_single("core"), is_single("whole_case"), is_single(subset_name("tumour"))
    (True, False, False)
    """
    return structure != WHOLE_CASE and not structure.startswith(SUBSET)


def single_structures(structure: pd.Series) -> pd.Series:
    """Return which rows are of a single structure.

    Examples
    --------
    >>> single_structures(pd.Series(["core", "subset:tumour", "whole_case"])).tolist()
    [True, False, False]
    """
    return structure.map(is_single).astype(bool)


def deciding_rows(rows: pd.DataFrame, case: str = "case_id") -> pd.Series:
    """Return which rows speak for their case: ``whole_case`` rows, or the only structure's.

    Parameters
    ----------
    rows : DataFrame
        The column `case` and ``structure``, one row per structure.
    case : str
        Column that names the case.

    Returns
    -------
    Series of bool
        By the index of `rows`.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": ["a", "a", "b"], "structure": ["x", "whole_case", "x"]})
    >>> deciding_rows(rows).tolist()
    [False, True, True]
    """
    alone = rows.groupby(case)["structure"].transform("size") == 1
    return (rows["structure"] == WHOLE_CASE) | alone
