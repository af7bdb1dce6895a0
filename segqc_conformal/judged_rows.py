"""What becomes of every case that went in: the rows it lacks, and the order they come out in."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

__all__ = ["in_case_order", "incomplete_cases"]


def incomplete_cases(
    table: pd.DataFrame,
    usable: pd.DataFrame,
    judged: Collection[str],
    name: str,
    members: Sequence[str],
) -> tuple[pd.DataFrame, pd.Series]:
    """Return one row for each case without a judged row of that name, and why there is none.

    Parameters
    ----------
    table, usable : DataFrame
        All rows that went in, and those of them without a fault.
    judged : collection of str
        Cases that have such a row.
    name : str
        "whole_case" or a subset.
    members : sequence of str
        The structures that it stands for.

    Returns
    -------
    (DataFrame, Series of str)

    Notes
    -----
    Guarantee: none.
    """
    rest = table[~table["case_id"].isin(judged)].drop_duplicates("case_id")
    here = usable.groupby("case_id")["structure"].agg(set)
    missing = [sorted(set(members) - here.get(case, set())) for case in rest["case_id"]]
    why = pd.Series(
        [f"expected usable rows of every structure; none for {names}" for names in missing],
        index=rest.index,
        dtype=object,
    )
    return rest.assign(structure=name), why


def in_case_order(rows: pd.DataFrame, table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Sort rows by case, as the table has them, and within a case by `names`.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": ["a", "b", "b"], "structure": ["t", "whole_case", "t"]})
    >>> table = pd.DataFrame({"case_id": ["b", "a"]})
    >>> in_case_order(rows, table, ["t", "whole_case"]).values.tolist()
    [['b', 't'], ['b', 'whole_case'], ['a', 't']]
    """
    case_order = {case: place for place, case in enumerate(table["case_id"].unique())}
    rank = {name: place for place, name in enumerate(names)}
    keys = pd.DataFrame(
        {
            "case": rows["case_id"].map(case_order),
            "rank": [rank.get(name, len(rank)) for name in rows["structure"]],
        },
        index=rows.index,
    )
    order = keys.sort_values(["case", "rank"], kind="stable").index
    return rows.loc[order].reset_index(drop=True)
