"""Which rows of new cases cannot be judged by what was calibrated, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from segqc_conformal.case_groups import group_faults
from segqc_conformal.features.table import IDENTITY_COLUMNS, row_faults

__all__ = ["judging_faults"]


def judging_faults(
    table: pd.DataFrame,
    identity: Mapping[str, str],
    features: Sequence[str],
    structures: Sequence[str],
    groups: str | None = None,
) -> pd.Series:
    """Say for each row why it cannot be judged; empty where it can.

    Parameters
    ----------
    table : DataFrame
        A checked feature table, with groups as text.
    identity : mapping of str to str
        Model, sampler, schema and kind of judged mask that were calibrated.
    features, structures : sequence of str
        Features that are read, and structures that were calibrated.
    groups : str, optional
        Column of the groups that were calibrated.

    Returns
    -------
    Series of str
        By the index of `table`; begins with "unknown_group" for a structure not calibrated.

    Notes
    -----
    Guarantee: none.
    """
    faults = row_faults(table, [name for name in features if name in table])
    missing = [name for name in features if name not in table]
    if missing:
        faults[faults == ""] = (
            f"expected the features {missing[:5]}; received a table without them; remedy: "
            "extract with the settings of the calibration"
        )
    for column in IDENTITY_COLUMNS:
        wanted = identity[column]
        other = (table[column] != wanted) & (faults == "")
        faults[other] = table.loc[other, column].map(
            lambda got, column=column, wanted=wanted: (
                f"expected {column} {wanted}; received {got}; remedy: calibrate for this "
                f"{column}, and judge with that"
            )
        )
    if groups is not None and groups not in table:
        faults[faults == ""] = (
            f"expected the column {groups}, by which was calibrated; received a table "
            "without it; remedy: add the column"
        )
    elif groups is not None:
        faults = faults.where(faults != "", group_faults(table, groups))
    unknown = ~table["structure"].isin(structures) & (faults == "")
    faults[unknown] = "unknown_group: structure was not calibrated"
    return faults
