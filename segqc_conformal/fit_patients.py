"""Who is named to fit: given by the caller, or by the table, whose labels taught a feature."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from segqc_conformal.errors import InputError
from segqc_conformal.features.table import FIT_PATIENT

__all__ = ["named_fit_patients"]


def named_fit_patients(
    rows: pd.DataFrame, fit_patients: Sequence[str] | None
) -> Sequence[str] | None:
    """Return the patients that must fit and never calibrate; None where nobody is named.

    Parameters
    ----------
    rows : DataFrame
        Usable rows of a checked feature table; the column ``fit_patient`` is honoured.
    fit_patients : sequence of str, optional
        The caller's choice.

    Raises
    ------
    InputError
        If a named patient has no row, or a patient whose label taught a feature is not named.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> rows = pd.DataFrame({"patient_id": ["p", "q"], "fit_patient": [True, False]})
    >>> named_fit_patients(rows, None), named_fit_patients(rows[["patient_id"]], None)
    (['p'], None)
    """
    patients = rows["patient_id"]
    taught = patients[rows[FIT_PATIENT]] if FIT_PATIENT in rows else patients[:0]
    if len(taught):
        fit_patients = _with_all(taught.unique().tolist(), fit_patients)
    unknown = sorted(set(() if fit_patients is None else fit_patients) - set(patients))
    if unknown:
        raise InputError(
            "fit_patients with a usable label in the table",
            unknown[:5],
            "correct these ids: a patient that is missed here would calibrate",
        )
    return fit_patients


def _with_all(taught: Sequence[str], fit_patients: Sequence[str] | None) -> Sequence[str]:
    """Return the fit patients, among whom must be all whose labels taught a feature."""
    if fit_patients is None:
        return taught
    missing = sorted(set(taught) - set(fit_patients))
    if missing:
        raise InputError(
            "fit_patients with every patient whose label taught a feature of the table",
            f"{len(missing)} missing, for example {missing[:5]}",
            "add them, or leave fit_patients out: their features know their Dice",
        )
    return fit_patients
