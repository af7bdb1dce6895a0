"""The group of each case, read from a column of the feature table in one way everywhere."""

from __future__ import annotations

import pandas as pd

from segqc_conformal.errors import InputError

__all__ = ["check_group_column", "group_faults", "group_text"]

NOT_A_GROUP = ("case", "case_id", "dice", "patient_id", "role", "structure", "time", "failed")


def check_group_column(groups: str | None) -> None:
    """Refuse columns that cannot be a group: features, labels and ids.

    Raises
    ------
    InputError
    """
    if groups is not None and (groups in NOT_A_GROUP or groups.startswith("feature_")):
        raise InputError(
            "a column of groups, known without the reference mask and one value per case",
            groups,
            "add a column of your own, for example scanner or size_class",
        )


def group_text(table: pd.DataFrame, groups: str) -> pd.Series:
    """Return the group of each row as text; missing, also an unknown site, stays missing.

    Examples
    --------
    >>> group_text(pd.DataFrame({"scanner": [1.0, None, "b"]}, dtype=object), "scanner").tolist()
    ['1', None, 'b']
    """
    text = [_text(value) for value in table[groups]]
    if groups == "site":  # a checked table says "unknown" where no site was given
        text = [None if value == "unknown" else value for value in text]
    return pd.Series(text, index=table.index, dtype=object)


def group_faults(table: pd.DataFrame, groups: str) -> pd.Series:
    """Say which rows belong to a case with several groups; empty where there is no fault."""
    several = table[groups].groupby(table["case_id"]).transform("nunique", dropna=False) > 1
    words = (
        f"expected one {groups} per case; received several, or one missing beside another; "
        "remedy: give every structure of the case the same"
    )
    return several.map({True: words, False: ""})


def _text(value: object) -> str | None:
    if value is None or value is pd.NaT or value is pd.NA or value == "":
        return None
    if isinstance(value, float):
        # one missing number turns a column of whole numbers into floats
        return None if value != value else f"{value:g}" if value.is_integer() else str(value)
    return str(value)
