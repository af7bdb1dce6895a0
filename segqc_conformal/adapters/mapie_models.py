"""MAPIE's cross-fitting, Venn-Abers tables and regressors (the only file that imports mapie)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import InputError, on_one_line

__all__ = ["cross_fitted", "interval_ends", "venn_abers_tables"]


def cross_fitted(
    estimator: Any, features: Any, dice: NDArray[np.float64], folds: NDArray[np.intp]
) -> tuple[tuple[Any, ...], NDArray[np.float64]]:
    """Fit a model without each fold and judge the fold with it.

    Parameters
    ----------
    estimator : estimator
        Unfitted scikit-learn regressor.
    features : DataFrame or ndarray, shape (cases, features)
    dice : ndarray of float64, shape (cases,)
    folds : ndarray of int, shape (cases,)
        0, 1, ... : fold of each case.

    Returns
    -------
    (models, nonconformity) : tuple of estimator, ndarray of float64, shape (cases,)
        The model fitted without fold 0, 1, ..., and the absolute error of each case under the
        model fitted without its fold.

    Raises
    ------
    InputError
        If the estimator cannot be fitted on these cases.

    Notes
    -----
    Guarantee: none by itself; `CrossConformalInterval` has one.
    """
    from mapie.regression import CrossConformalRegressor
    from sklearn.model_selection import PredefinedSplit

    with _in_our_words("an estimator that can be fitted on these features", "repair either"):
        # without a random_state MAPIE would advance numpy's global generator
        fitted = CrossConformalRegressor(estimator, cv=PredefinedSplit(folds), random_state=0)
        fitted.fit_conformalize(features, dice)
    # no public name gives the models of the folds; a test compares with MAPIE's own intervals
    models = tuple(fitted._mapie_regressor.estimator_.estimators_)
    return models, np.asarray(fitted.conformity_scores, dtype=np.float64)


def venn_abers_tables(
    rank: NDArray[np.intp], good: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the Venn-Abers probabilities at, between, below and above the calibration scores.

    Parameters
    ----------
    rank : ndarray of int, shape (patients,)
        Rank 0, 1, ..., K - 1 of each score among the K different ones.
    good : ndarray of bool, shape (patients,)

    Returns
    -------
    (if_bad, if_good) : tuple of ndarray of float64, shape (K + 1,)
        Isotonic regression at a new case that is taken for bad, by the number of different scores
        <= its own; and taken for good, by the number of different scores < its own.

    Notes
    -----
    Guarantee: none by itself; `VennAbersProbability` has one.
    """
    from mapie.calibration import VennAbersCalibrator

    if rank.size == 0:
        return np.zeros(1), np.ones(1)
    ranks = np.arange(-1, rank.max() + 1)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # slopes 0/0 that it steps over
        calibrator = VennAbersCalibrator(_as_it_is(), cv="prefit")
        calibrator.fit(rank[:, None], good.astype(np.int64))
        _, found = calibrator.predict_proba(ranks[:, None], p0_p1_output=True)
    # + 0.0: on some machines a share of nothing comes as -0.0
    # above all scores a good case is a block of its own; MAPIE 1.6.0 gives less there
    return np.asarray(found[:, 0] + 0.0), np.append(found[1:, 1], 1.0)


def interval_ends(regressor: Any, features: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of a fitted MAPIE regressor's intervals, the lower one first.

    Parameters
    ----------
    regressor : object
        Has ``predict_interval(features, allow_infinite_bounds=True)``; one confidence level.
    features : DataFrame or ndarray, shape (cases, features)

    Returns
    -------
    (low, high) : tuple of ndarray of float64, shape (cases,)
        An end that is NaN is infinite; ends the wrong way round (an empty interval) are exchanged.

    Raises
    ------
    InputError
        If the regressor cannot judge these cases, or has several confidence levels.

    Notes
    -----
    Guarantee: none by itself; what is done to the ends can only widen the interval.
    """
    with _in_our_words(
        "a regressor that is conformalized and takes these features",
        "fit and conformalize it, with more cases if those were too few, or repair the features",
    ):
        _, ends = regressor.predict_interval(features, allow_infinite_bounds=True)
    ends = np.asarray(ends, dtype=np.float64)
    if ends.shape != (len(features), 2, 1):
        raise InputError(
            f"ends of shape ({len(features)}, 2, 1), for one confidence level",
            f"shape {ends.shape}",
            "conformalize with one confidence_level",
        )
    low = np.where(np.isnan(ends[:, 0, 0]), -np.inf, ends[:, 0, 0])
    high = np.where(np.isnan(ends[:, 1, 0]), np.inf, ends[:, 1, 0])
    return np.minimum(low, high), np.maximum(low, high)


@contextmanager
def _in_our_words(expected: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError) as error:
        raise InputError(expected, on_one_line(error), remedy) from error


def _as_it_is() -> Any:
    """Return a classifier whose score of a case is its only feature: how MAPIE takes scores."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class AsItIs(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        classes_ = np.array([0, 1])
        is_fitted = True

        def fit(self, X: Any, y: Any = None) -> Any:
            return self

        def predict_proba(self, X: Any) -> NDArray[np.float64]:
            return np.column_stack([-X[:, 0], X[:, 0]])

    return AsItIs()
