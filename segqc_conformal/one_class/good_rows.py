"""Which rows are good cases, one of each patient, and which of them fit or calibrate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from segqc_conformal.errors import InputError
from segqc_conformal.features.table import check_feature_table, feature_columns, row_faults
from segqc_conformal.fit_patients import named_fit_patients
from segqc_conformal.patients import first_case_of_each_patient, split_patients

if TYPE_CHECKING:
    from segqc_conformal.one_class.one_class import OneClass

__all__ = ["GoodRows", "good_rows"]


class GoodRows(NamedTuple):
    """Good rows of fit and of calibration patients, the columns read, and what was left out."""

    fit: pd.DataFrame
    calibration: pd.DataFrame
    features: tuple[str, ...]
    left_out: dict[str, int]


def good_rows(
    table: pd.DataFrame, settings: OneClass, fit_patients: Sequence[str] | None
) -> GoodRows:
    """Choose one case of each patient, and of these the good rows; split the patients.

    Raises
    ------
    InputError
        If the table lacks columns, features or usable rows, or names unknown fit patients.

    Notes
    -----
    The case of a patient is chosen before it is known to be good, as that of a new patient is.
    Guarantee: none.
    """
    table = check_feature_table(table)
    features = _features(table, settings)
    sound = row_faults(table, features) == ""
    threshold = settings.dice_threshold
    known = sound if threshold is None else sound & table["dice"].notna()
    rows = table[known]
    if rows.empty:
        raise InputError(
            "at least one usable row" + ("" if threshold is None else " with dice"),
            f"{len(table)} rows, none usable",
            "repair the rows, add reference masks, or set dice_threshold=None if all are good",
        )
    named = named_fit_patients(rows, fit_patients)
    if named is None:
        fits = settings.method != "value"  # which learns nothing: all of its patients calibrate
        named = split_patients(rows["patient_id"], settings.seed)[0] if fits else []
    rows = rows[rows["case_id"].isin(first_case_of_each_patient(rows, settings.seed))]
    good = rows if threshold is None else rows[rows["dice"] > threshold]
    fit = good["patient_id"].isin(list(named))
    left_out = {
        "rows_faulty": int((~sound).sum()),
        "rows_unlabelled": int((sound & ~known).sum()),
        "rows_not_good": len(rows) - len(good),
    }
    return GoodRows(
        good[fit].reset_index(drop=True), good[~fit].reset_index(drop=True), features, left_out
    )


def _features(table: pd.DataFrame, settings: OneClass) -> tuple[str, ...]:
    if settings.features is None:
        return tuple(feature_columns(table))
    missing = [name for name in settings.features if name not in feature_columns(table)]
    if missing:
        raise InputError(
            f"the feature columns {list(settings.features)[:5]}",
            f"a table without {missing[:5]}",
            "correct the names; they begin with feature_",
        )
    return tuple(settings.features)
