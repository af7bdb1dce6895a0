"""Quality predictors on the feature table, for any target, behind the scikit-learn interface."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from segqc_conformal.errors import InputError
from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.families import FAMILIES, PROBABILITY_FAMILIES, family_model
from segqc_conformal.quality.family_choice import allowed_families, chosen_family
from segqc_conformal.quality.link import link_of
from segqc_conformal.quality.patient_folds import patient_folds
from segqc_conformal.quality.residual_scale import residual_scale

__all__ = ["QualityRegressor"]

FOLDS = 5
FEWEST = 4  # patients: two halves, each of which has two to choose a penalty by


class QualityRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predict a measure of quality from features, with its own scale.

    Parameters
    ----------
    family : str
        "linear" (ridge), "lasso", "gaussian_process", "forest", "boosted", for a probability
        "logistic", "forest", "boosted"; "auto": chosen on the rows that are fitted.
    support : (float, float) or None
        Smallest and largest possible value of the target: (0, 1) for Dice, IoU, mean IoU and
        surface Dice; (0, inf) for HD95 and RMS distances; (1, 5), say, for a grade; None: no link.
    above : float, optional
        Predict the probability that the target lies above this, instead of the target.
    seed : int

    Attributes
    ----------
    features_ : list of str
        Feature columns that are read, beside ``structure`` where the table has it.
    family_ : str
        The family in use.
    losses_ : dict of str to float
        Cross-fitted loss of each family that was tried: mean absolute error, or log loss of a
        probability. That of the chosen one is a little too good, having been chosen by it;
        `cross_fitted` around the whole choice is not.

    out_of_fold_ : ndarray of float64, shape (rows,)
        Prediction of each fitted row by a model of that family that did not see its patient.

    Notes
    -----
    Patients, not rows, are kept together in every fold; the penalty of "linear" alone is chosen by
    leaving out rows one by one. "auto" tries the families that the number
    of patients can carry (40: linear and LASSO; see `allowed_families`) and takes the simplest
    whose loss is within one standard error of the smallest, by patient. The scale is that of the
    cross-fitted errors as a function of the prediction (`residual_scale`).
    Guarantee: none by itself; calibrators make it a promise.
    Source: Mehrtash et al. (2020) for logit Dice; Sunoqrot et al. (2020) for LASSO; Rouhi et al.
    (2024) for P(Dice > t); Zenk et al. (2024) for forests on features.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"structure": "liver", "feature_agreement": rng.random(60)})
    >>> dice = table["feature_agreement"] * 0.4 + 0.5
    >>> fitted = QualityRegressor("linear").fit(table, dice)
    >>> bool(np.abs(fitted.predict(table) - dice).mean() < 0.05)
    True
    """

    def __init__(
        self,
        family: str = "auto",
        support: tuple[float, float] | None = (0.0, 1.0),
        above: float | None = None,
        seed: int = 0,
    ) -> None:
        self.family = family
        self.support = support
        self.above = above
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit on labelled rows.

        Parameters
        ----------
        X : DataFrame
            Feature-table rows with finite features.
        y : array_like of float, shape (rows,)
            The target, inside the support.
        groups : array_like, shape (rows,), optional
            Patient of each row; None: every row is its own patient.

        Raises
        ------
        InputError
            For another family, unequal lengths, targets that are not finite or outside the support,
            fewer than four patients, or targets all on one side of `above`.
        """
        target = self._checked(X, y)
        self.link_ = link_of(None if self.above is not None else self.support, target)
        self.features_ = feature_columns(X)
        rows, people = self._rows(X), _people(groups, len(X))
        wanted = target > self.above if self.above is not None else self.link_.to_line(target)
        predicted = {
            family: self._out_of_fold(family, rows, wanted, people)
            for family in self._families(np.unique(people).size)
        }
        losses = {name: self._losses(target, each) for name, each in predicted.items()}
        self.losses_ = {name: float(loss.mean()) for name, loss in losses.items()}
        self.family_ = chosen_family(losses, people)
        self.out_of_fold_ = self.link_.to_target(predicted[self.family_])
        self.scale_ = residual_scale(*self._line_and_error(target, predicted[self.family_]))
        self.model_ = _fitted(self._model_of(self.family_, people, len(rows)), rows, wanted)
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the predicted target of each row, or its probability to lie above `above`."""
        return self.link_.to_target(self._predicted(self.model_, self._rows(X)))

    def predict_scale(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the expected size of each row's error, > 0, in the units of the target."""
        return self.scale_.of(self._predicted(self.model_, self._rows(X)))

    def scale_of(self, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected size of the errors of predictions, such as `out_of_fold_`."""
        return self.scale_.of(self.link_.to_line(predicted))

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` was called."""
        return hasattr(self, "model_")

    def _checked(self, rows: pd.DataFrame, y: ArrayLike) -> NDArray[np.float64]:
        known = (*(FAMILIES if self.above is None else PROBABILITY_FAMILIES), "auto")
        if self.family not in known:
            raise InputError(f"a family among {known}", repr(self.family), "choose one of them")
        target = np.asarray(y, dtype=np.float64)
        if target.shape != (len(rows),) or not np.isfinite(target).all():
            raise InputError(
                f"a finite target for each of {len(rows)} rows",
                f"shape {target.shape}"
                if target.shape != (len(rows),)
                else f"{np.count_nonzero(~np.isfinite(target))} that are not finite",
                "leave out rows without a reference",
            )
        if self.above is not None and np.unique(target > self.above).size < 2:
            raise InputError(
                f"targets on both sides of {self.above:g}",
                f"{len(rows)} on one side",
                "choose another value, or predict the target itself",
            )
        return target

    def _families(self, patients: int) -> tuple[str, ...]:
        if self.family != "auto":
            return (self.family,)
        return allowed_families(patients, probability=self.above is not None)

    def _rows(self, table: pd.DataFrame) -> pd.DataFrame:
        rows = table[self.features_]
        structure = table["structure"] if "structure" in table else "structure"
        return rows.assign(structure=structure)

    def _model_of(self, family: str, people: NDArray[np.intp], rows: int) -> Any:
        return family_model(
            family,
            self.features_,
            rows,
            self.seed,
            probability=self.above is not None,
            inner_folds=patient_folds(people, FOLDS),
        )

    def _out_of_fold(
        self, family: str, rows: pd.DataFrame, wanted: Any, people: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        found = np.empty(len(rows))
        for train, test in patient_folds(people, FOLDS):
            model = self._model_of(family, people[train], train.size)
            if np.unique(wanted[train]).size < 2 and self.above is not None:
                found[test] = float(wanted[train][0])  # no classifier learns from one class
                continue
            model = _fitted(model, rows.iloc[train], wanted[train])
            found[test] = self._predicted(model, rows.iloc[test])
        return found

    def _predicted(self, model: Any, rows: pd.DataFrame) -> NDArray[np.float64]:
        if rows.empty:
            return np.empty(0)
        if self.above is None:
            return np.asarray(model.predict(rows), dtype=np.float64)
        return np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64)

    def _losses(
        self, target: NDArray[np.float64], predicted: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if self.above is None:
            return np.abs(target - self.link_.to_target(predicted))
        chance = np.clip(predicted, 1e-6, 1.0 - 1e-6)
        return -np.log(np.where(target > self.above, chance, 1.0 - chance))

    def _line_and_error(
        self, target: NDArray[np.float64], predicted: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        truth = target if self.above is None else (target > self.above).astype(np.float64)
        return predicted, np.abs(truth - self.link_.to_target(predicted))


def _fitted(model: Any, rows: pd.DataFrame, wanted: Any) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # a kernel or a penalty at its bound is what features without a signal give
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows, wanted)


def _people(groups: ArrayLike | None, rows: int) -> NDArray[np.intp]:
    codes = np.arange(rows) if groups is None else pd.factorize(np.asarray(groups))[0]
    if codes.shape != (rows,):
        raise InputError(f"a patient for each of {rows} rows", codes.shape, "pass their ids")
    if np.unique(codes).size < FEWEST:
        raise InputError(
            f"at least {FEWEST} patients", np.unique(codes).size, "add labelled patients"
        )
    return np.asarray(codes, dtype=np.intp)
