"""Verdicts beside the true Dice, where a reference mask came later: what a promise was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from segqc_conformal.features.table import refuse_corrupted
from segqc_conformal.patients import first_case_of_each_patient
from segqc_conformal.whole_case import WHOLE_CASE, subset_name, worst_dice_together

__all__ = ["summarise", "with_true_dice"]


def with_true_dice(
    verdicts: pd.DataFrame,
    table: pd.DataFrame,
    subsets: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Join verdicts with the Dice of a labelled feature table.

    Parameters
    ----------
    verdicts : DataFrame
        Verdict table.
    table : DataFrame
        ``case_id, structure, dice``; corrupted cases (by ``judged``) are refused.
    subsets : mapping of str to sequence of str, optional
        The named subsets of structures that were judged together (`QualityGate.subsets`).

    Returns
    -------
    DataFrame
        The verdicts with ``dice``: that of a whole case or a subset is its worst structure's,
        missing where one of them is; NaN where unknown.

    Raises
    ------
    InputError
        Naming the case, if the table holds a corrupted one.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> verdicts = pd.DataFrame({"case_id": ["c"] * 3, "structure": ["a", "b", "whole_case"]})
    >>> table = pd.DataFrame({"case_id": ["c", "c"], "structure": ["a", "b"], "dice": [0.9, 0.7]})
    >>> with_true_dice(verdicts, table)["dice"].tolist()
    [0.9, 0.7, 0.7]
    """
    refuse_corrupted(table)
    single = table[["case_id", "structure", "dice"]]
    together = {WHOLE_CASE: tuple(single["structure"].unique())}
    together.update({subset_name(name): tuple(of) for name, of in (subsets or {}).items()})
    known = pd.concat([single, worst_dice_together(single, together)], ignore_index=True)
    return verdicts.merge(known, on=["case_id", "structure"], how="left")


def summarise(evaluation: pd.DataFrame, dice_threshold: float = 0.8) -> pd.DataFrame:
    """Count, per structure, how the verdicts of labelled cases turned out.

    Parameters
    ----------
    evaluation : DataFrame
        As from `with_true_dice`; rows without ``dice`` are left out, a patient's first case counts.
    dice_threshold : float
        A case is bad if its Dice is <= this.

    Returns
    -------
    DataFrame
        Index ``structure``; ``patients``, ``coverage`` (of the Dice interval), ``mean_width``,
        ``share_accepted`` and ``error_among_accepted`` (NaN where nothing was accepted).

    Notes
    -----
    Guarantee: none; these are counts. A correct accept rule can show more than the tolerated error
    in up to about 4 of 10 such tables.
    """
    known = evaluation[evaluation["dice"].notna()]
    known = known[known["case_id"].isin(first_case_of_each_patient(known))]
    inside = known["dice"].between(known["dice_low"], known["dice_high"])
    accepted = known["accept"].astype(bool)
    bad = known["dice"] <= dice_threshold
    counted = known.assign(
        coverage=inside,
        mean_width=known["dice_high"] - known["dice_low"],
        share_accepted=accepted,
        error_among_accepted=np.where(accepted, bad, np.nan),
    ).groupby("structure", sort=False)
    numbers = ["coverage", "mean_width", "share_accepted", "error_among_accepted"]
    out = counted[numbers].mean()
    out.insert(0, "patients", counted.size())
    return out
