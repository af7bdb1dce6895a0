"""Which rows of new cases a gate cannot judge, and why: its rules for what it takes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from segqc_conformal.case_groups import group_faults
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.features.table import IDENTITY_COLUMNS, row_faults

__all__ = ["judging_faults"]


def judging_faults(
    table: pd.DataFrame,
    certificate: GateCertificate,
    features: Sequence[str],
    structures: Sequence[str],
) -> pd.Series:
    """Say for each row why it cannot be judged; empty where it can.

    Parameters
    ----------
    table : DataFrame
        A checked feature table, with groups as text.
    certificate : GateCertificate
        Its identity and column of groups are those that can be judged.
    features, structures : sequence of str
        Features that the quality predictor reads, and structures that were calibrated.

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
        wanted = certificate.identity[column]
        other = (table[column] != wanted) & (faults == "")
        faults[other] = table.loc[other, column].map(
            lambda got, column=column, wanted=wanted: (
                f"expected {column} {wanted}; received {got}; remedy: judge with a gate "
                f"calibrated for this {column}"
            )
        )
    groups = certificate.settings["groups"]
    if groups is not None and groups not in table:
        faults[faults == ""] = (
            f"expected the column {groups}, by which this gate is calibrated; received a table "
            "without it; remedy: add the column"
        )
    elif groups is not None:
        faults = faults.where(faults != "", group_faults(table, groups))
    unknown = ~table["structure"].isin(structures) & (faults == "")
    faults[unknown] = "unknown_group: structure was not calibrated"
    return faults
