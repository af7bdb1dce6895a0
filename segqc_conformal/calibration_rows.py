"""Which rows calibrate: usable, labelled, one case per patient; and how a gate scores them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from segqc_conformal.case_groups import group_faults, group_text
from segqc_conformal.errors import IdentityError, InputError
from segqc_conformal.features.table import check_feature_table, one_identity, row_faults
from segqc_conformal.patients import first_case_of_each_patient, pseudonym
from segqc_conformal.scoring import score_rows

if TYPE_CHECKING:
    from segqc_conformal.gate import CalibratedGate

__all__ = [
    "check_features",
    "check_identity",
    "fitting_rows",
    "hashed_patients",
    "labelled_rows",
    "one_case_each",
    "rescored",
    "tuning_rows",
    "unlabelled_rows",
    "with_group",
]

LEFT_OUT_SHOWN = 20


def labelled_rows(
    table: pd.DataFrame, features: Sequence[str] | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the usable labelled rows of a feature table, and what was left out and why.

    Parameters
    ----------
    table : DataFrame
        A feature table; checked here.
    features : sequence of str, optional
        The features that will be read; None: all of the table.

    Returns
    -------
    (rows, left_out)
        Rows with ``dice`` and no fault; ``left_out`` counts unlabelled cases and names faulty ones.

    Raises
    ------
    InputError
        If no labelled row is usable.

    Notes
    -----
    Guarantee: none.
    """
    table = check_feature_table(table)
    faults = row_faults(table, features)
    # row by row, as new cases are judged: a sound structure beside a faulty one gets a verdict too
    rows = table[table["dice"].notna() & (faults == "")]
    unlabelled = table[table["dice"].isna() & (faults == "")]
    shown = faults[faults != ""].groupby(table["case_id"]).first()
    left_out = {
        "cases_unlabelled": int(unlabelled["case_id"].nunique()),
        "cases_faulty": len(shown),
        "faults": dict(list(shown.items())[:LEFT_OUT_SHOWN]),
    }
    if rows.empty:
        raise InputError(
            "at least one usable row with dice",
            f"{len(table)} rows, none usable: {left_out}",
            "add reference masks, or repair the rows named",
        )
    return rows.reset_index(drop=True), left_out


def with_group(rows: pd.DataFrame, groups: str | None, left_out: dict[str, Any]) -> pd.DataFrame:
    """Keep cases of one known group, as text, and count the others in `left_out`.

    Raises
    ------
    InputError
        If the table has no such column.
    """
    if groups is None:
        return rows
    if groups not in rows:
        raise InputError(
            f"the column {groups}, by which to calibrate",
            f"columns {[name for name in rows if not str(name).startswith('feature_')]}",
            "add it to the feature table, or choose another column",
        )
    rows = rows.assign(**{groups: group_text(rows, groups)})
    usable = rows[groups].notna() & (group_faults(rows, groups) == "")
    left_out["cases_without_group"] = int(rows.loc[~usable, "case_id"].nunique())
    return rows[usable].reset_index(drop=True)


def one_case_each(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Keep the one case by which each patient counts (see `first_case_of_each_patient`)."""
    return rows[rows["case_id"].isin(first_case_of_each_patient(rows, seed))]


def unlabelled_rows(
    table: pd.DataFrame, but_not: Collection[str], features: Sequence[str], groups: str | None
) -> pd.DataFrame:
    """Return the usable rows without ``dice`` of patients other than those in `but_not`."""
    table = with_group(check_feature_table(table), groups, {})
    usable = table[(row_faults(table, features) == "") & table["dice"].isna()]
    return usable[~usable["patient_id"].isin(list(but_not))].reset_index(drop=True)


def hashed_patients(rows: pd.DataFrame) -> list[str]:
    """Return the pseudonyms of the patients of some rows, sorted."""
    return sorted(map(pseudonym, rows["patient_id"].unique()))


def fitting_rows(table: pd.DataFrame, gate: CalibratedGate) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the labelled rows with which a gate can be calibrated again, and what was left out.

    Raises
    ------
    InputError
        If a feature of the quality predictor, or the column of groups, is missing.
    IdentityError
        If the rows are of another model, sampler, schema or kind of judged mask.
    """
    check_features(table, gate)
    rows, left_out = labelled_rows(table, gate.quality.features)
    check_identity(rows, gate)
    return with_group(rows, gate.certificate.settings["groups"], left_out), left_out


def check_features(table: pd.DataFrame, gate: CalibratedGate) -> None:
    """Refuse a table without a feature that the quality predictor of a gate reads."""
    missing = [name for name in gate.quality.features if name not in table]
    if missing:
        raise InputError(
            f"the features of the calibration in force, {missing[:5]} among them",
            "a table without them",
            "extract with the settings of the calibration",
        )


def check_identity(rows: pd.DataFrame, gate: CalibratedGate) -> None:
    """Refuse rows of another model, sampler, schema or kind of judged mask than the gate's."""
    identity = one_identity(rows)
    if identity != gate.certificate.identity:
        raise IdentityError(
            f"rows of {gate.certificate.identity}",
            identity,
            "calibrate a new folder for another model, sampler or kind of judged mask",
        )


def rescored(rows: pd.DataFrame, gate: CalibratedGate) -> pd.DataFrame:
    """Score rows with the quality predictor of a gate, one case per patient."""
    settings = gate.certificate.settings
    threshold, subsets = settings["dice_threshold"], settings["subsets"]
    rows = rows[rows["structure"].isin(gate.structures)]
    scored = score_rows(rows, gate.quality, gate.structures, threshold, subsets)
    return one_case_each(scored, settings["seed"])


def tuning_rows(gate: CalibratedGate) -> pd.DataFrame:
    """Return the fit patients' scored rows that a gate keeps."""
    fit = gate.profile[gate.profile["role"] == "fit"]
    return fit.drop(columns="role").assign(case_id=fit["case"].astype(str))
