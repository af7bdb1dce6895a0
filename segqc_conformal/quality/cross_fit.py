"""Cross-fitting: predictions for labelled rows by models that saw nothing of their patients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.features.table import FIT_PATIENT, fit_patient_flags
from segqc_conformal.quality.patient_folds import Split, patient_folds
from segqc_conformal.quality.regressor import QualityRegressor

__all__ = ["CrossFitted", "cross_fitted", "with_predicted_feature"]

FOLDS = 5


class CrossFitted(NamedTuple):
    """Out-of-fold predictions of each row, and their scale."""

    predicted: NDArray[np.float64]
    scale: NDArray[np.float64]


def cross_fitted(
    regressor: QualityRegressor,
    table: pd.DataFrame,
    target: ArrayLike,
    methods: ArrayLike | None = None,
    folds: int = FOLDS,
) -> CrossFitted:
    """Predict every row by a model fitted without its patient, family choice and all.

    Parameters
    ----------
    regressor : QualityRegressor
        Left as it is.
    table : DataFrame
        Rows with ``patient_id`` and features.
    target : array_like of float, shape (rows,)
    methods : array_like, shape (rows,), optional
        Segmentation method of each row, where several are pooled: then a row is predicted by a
        model that saw neither its patient nor its method, as a new method will be.
    folds : int
        Of the patients.

    Returns
    -------
    CrossFitted

    Raises
    ------
    InputError
        With fewer than two patients, or methods.

    Notes
    -----
    Guarantee: none; what is said of these predictions is not too good, for the choice of a family
    is made anew inside each fold.
    """
    from sklearn.base import clone

    people = pd.factorize(table["patient_id"])[0]
    values = np.asarray(target, dtype=np.float64)
    found = CrossFitted(np.full(len(table), np.nan), np.full(len(table), np.nan))
    for train, test in _splits(people, methods, folds):
        fitted = clone(regressor).fit(table.iloc[train], values[train], people[train])
        found.predicted[test] = fitted.predict(table.iloc[test])
        found.scale[test] = fitted.predict_scale(table.iloc[test])
    return found


def _splits(people: NDArray[np.intp], methods: ArrayLike | None, folds: int) -> list[Split]:
    splits = patient_folds(people, folds)
    if methods is None:
        return splits
    names = pd.factorize(np.asarray(methods))[0]
    if np.unique(names).size < 2:
        raise InputError("at least two segmentation methods", "one", "leave methods out")
    return [
        (train[names[train] != name], test[names[test] == name])
        for train, test in splits
        for name in np.unique(names[test])
    ]


def with_predicted_feature(
    name: str,
    regressor: QualityRegressor,
    table: pd.DataFrame,
    fit_patients: ArrayLike,
    target: str = "dice",
) -> tuple[pd.DataFrame, QualityRegressor]:
    """Add the prediction of a regressor to a feature table, as a feature like any other.

    Parameters
    ----------
    name : str
        The column is called ``feature_<name>``.
    regressor : QualityRegressor
        Left as it is.
    table : DataFrame
        Feature table.
    fit_patients : array_like of str
        Only their rows are fitted on.
    target : str
        Column of the target; fit rows without it are not fitted on.

    Returns
    -------
    (table, fitted)
        The table with the feature, and with ``fit_patient``, by which `QualityGate.calibrate`
        keeps the fit patients from calibrating; and the regressor fitted on all fit patients, by
        whose `predict` new cases get their feature.

    Raises
    ------
    InputError
        Without a usable fit row.

    Notes
    -----
    Fit patients get out-of-fold predictions, all others those of the model fitted on the fit
    patients: calibration patients and new ones are treated alike, so promises calibrated on this
    column hold. Guarantee: none by itself.
    """
    from sklearn.base import clone

    fit = table["patient_id"].isin(list(np.asarray(fit_patients))) & table[target].notna()
    if not fit.any():
        raise InputError(f"fit patients with {target}", "none", "name labelled patients")
    rows = table[fit]
    fitted = clone(regressor).fit(rows, rows[target], rows["patient_id"])
    column = pd.Series(fitted.predict(table), index=table.index)
    column[fit] = cross_fitted(regressor, rows, rows[target]).predicted
    taught = table["patient_id"].isin(rows["patient_id"]) | fit_patient_flags(table)
    return table.assign(**{f"feature_{name}": column, FIT_PATIENT: taught}), fitted
