"""Intervals for few patients, where none can be spared: each fits the models and calibrates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from segqc_conformal.adapters.mapie_models import cross_fitted
from segqc_conformal.calibrators.checks import check_open_unit, first_row_of_each_patient
from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate, cross_rank
from segqc_conformal.calibrators.feature_rows import feature_rows, some_rows
from segqc_conformal.calibrators.nonconformity import checked_values
from segqc_conformal.calibrators.support import check_support
from segqc_conformal.errors import InputError

__all__ = ["CrossConformalCertificate", "CrossConformalInterval"]

METHODS = ("minmax", "plus")


@dataclass(frozen=True)
class CrossConformalInterval:
    """Settings of a cross-conformal interval, for about 20 to 40 labelled patients.

    Parameters
    ----------
    miscoverage : float, default 0.1
        alpha in (0, 1).
    method : {"minmax", "plus"}
        "minmax": from the smallest and largest prediction of the models of the folds, at alpha.
        "plus": from each patient's own model (CV+, jackknife+), at alpha / 2.
    folds : int, optional
        Number of folds of equally many patients; None: each patient is a fold (jackknife), which
        takes one fit per patient and the fewest patients: 9 for "minmax", 19 for "plus" at 0.1.
    support : (float, float), default (0, 1)
        Smallest and largest possible value.
    measure : str, default "Dice"
        What the interval is about, as the promise calls it.
    seed : int, default 0
        Of the order in which the estimator sees the patients, and of the folds.

    Notes
    -----
    Guarantee: marginal, P(dice in [low, high]) >= 1 - alpha over calibration draw and new patient,
    if patients are exchangeable and nothing about the estimator, its settings and the features was
    chosen with their labels. With folds of more than one patient: independent, identically
    distributed. No PAC form, and no accept threshold on out-of-fold scores: they are dependent.
    Why, with n patients in folds of m: think the new patient into a further fold of m, and let
    R_il be the error of patient i under the model fitted without its fold and fold l. A miss of
    "minmax" means that min_l R_il of the new patient lies above that of `rank` others, which holds
    for at most n + m - rank of the n + m patients. A miss of "plus" means that its R_il is above
    R_jk (k its own, l the fold of j) for `rank` patients j; counting the pairs, that holds for at
    most 2(n - rank) + m of them. Both are at most alpha(n + m) with the ranks of `cross_rank`. The
    random order makes any estimator treat its patients alike.
    Source: m = 1: jackknife-minmax and jackknife+ of Barber, Candes, Ramdas, Tibshirani, Predictive
    inference with the jackknife+, Ann. Statist. 49 (2021), whose CV+ is proven to
    1 - 2 alpha - sqrt(2 / n); the ranks for m > 1 adapt its proof.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> x = np.arange(20.0)[:, None]
    >>> settings = CrossConformalInterval(miscoverage=0.2)
    >>> certificate = settings.calibrate(LinearRegression(), x, 0.5 + 0.02 * x[:, 0])
    >>> low, high = certificate.interval([[5.0], [50.0]])
    >>> low.round(6).tolist(), high.round(6).tolist()
    ([0.6, 1.0], [0.6, 1.0])
    """

    miscoverage: float = 0.1
    method: str = "minmax"
    folds: int | None = None
    support: tuple[float, float] = (0.0, 1.0)
    measure: str = "Dice"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(miscoverage=self.miscoverage)
        check_support(self.support)
        if self.method not in METHODS:
            raise InputError(f"method one of {METHODS}", repr(self.method), "choose one of them")
        if self.folds is not None and self.folds < 2:
            raise InputError("folds of 2 or more, or None", self.folds, "None is the safe choice")

    def calibrate(
        self, estimator: Any, features: Any, dice: ArrayLike, patients: ArrayLike | None = None
    ) -> CrossConformalCertificate:
        """Fit and calibrate on the same labelled patients.

        Parameters
        ----------
        estimator : estimator
            Unfitted scikit-learn regressor of the measure; it is cloned. Give it a fixed
            ``random_state`` for results that can be repeated.
        features : DataFrame or array_like, shape (cases, features)
            Whatever the estimator takes.
        dice : array_like of float, shape (cases,)
            True Dice, finite and inside the support.
        patients : array_like, shape (cases,), optional
            Patient of each case; the first row of each patient counts and the others fit nothing
            either, so sort by time. None: every row is its own patient.

        Returns
        -------
        CrossConformalCertificate

        Raises
        ------
        InputError
            For values out of range, unequal lengths, an estimator that cannot be fitted or
            predicts numbers that are not finite, and patients that do not fill equal folds (no
            theorem). Too few patients do not raise: the certificate then gives the whole support.
        """
        low, high = self.support
        dice = checked_values(self.measure.lower(), dice, low=low, high=high)
        table = feature_rows(features, dice.size)
        rows = first_row_of_each_patient(patients, dice.size)
        n, folds = rows.size, rows.size if self.folds is None else self.folds
        per_fold = -(-n // max(folds, 1))
        if n < 2 or cross_rank(self.method, n, per_fold, self.miscoverage) is None:
            return self._certificate(n)
        if n % folds:
            raise InputError(
                f"folds that divide the {n} patients (no theorem for unequal folds)",
                f"{folds} folds",
                "use folds=None: each patient is a fold",
            )
        rng = np.random.default_rng(self.seed)
        rows, fold = rng.permutation(rows), rng.permutation(np.arange(n) % folds)
        models, errors = cross_fitted(estimator, some_rows(table, rows), dice[rows], fold)
        checked_values("out-of-fold error", errors)
        return self._certificate(n, tuple(fold.tolist()), tuple(errors.tolist()), models)

    def _certificate(
        self,
        patients: int,
        folds: tuple[int, ...] = (),
        nonconformity: tuple[float, ...] = (),
        models: tuple[Any, ...] = (),
    ) -> CrossConformalCertificate:
        low, high = (float(end) if np.isfinite(end) else None for end in self.support)
        return CrossConformalCertificate(
            self.miscoverage,
            self.method,
            patients,
            folds,
            nonconformity,
            low,
            high,
            self.measure,
            models,
        )
