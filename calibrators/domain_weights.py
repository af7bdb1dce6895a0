"""Weights of a covariate shift, estimated by telling calibration cases from new ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import first_row_of_each_patient
from segqc_conformal.calibrators.domain_odds import domain_odds
from segqc_conformal.calibrators.weighted_quantile import effective_patients
from segqc_conformal.errors import InputError

__all__ = ["DomainWeights", "domain_weights"]

SEED = 0


@dataclass(frozen=True, eq=False)
class DomainWeights:
    """Estimated weights: what `domain_weights` returns.

    Parameters
    ----------
    calibration, new : ndarray of float64, shape (cases,)
        Weights of the calibration and of the new cases, in the same units; mean 1 over the
        calibration cases.
    effective_patients : float
        (sum of w)^2 / sum of w^2 over the calibration patients: far below their number, the
        interval rests on few of them.
    clipped : float
        Share of calibration cases whose odds were cut off.

    Notes
    -----
    Guarantee: that of `domain_weights`.
    """

    calibration: NDArray[np.float64]
    new: NDArray[np.float64]
    effective_patients: float
    clipped: float


def domain_weights(
    calibration_features: ArrayLike,
    new_features: ArrayLike,
    patients: ArrayLike | None = None,
    new_patients: ArrayLike | None = None,
    largest: float = 20.0,
    folds: int = 5,
) -> DomainWeights:
    """Estimate how much likelier each case is among the new cases than in the calibration.

    Parameters
    ----------
    calibration_features, new_features : array_like of float, shape (cases, features)
        No label is used.
    patients, new_patients : array_like, shape (cases,), optional
        Patient of each case; all cases of a patient are judged by a classifier that saw none of
        them. None: every row is its own patient.
    largest : float
        Odds are clipped to [1 / largest, largest], > 1.
    folds : int
        Cross-fitting folds, >= 2.

    Returns
    -------
    DomainWeights
        For ``DiceInterval.calibrate(..., weights=found.calibration, weights_are="estimated")`` and
        ``certificate.interval(..., weights=found.new)``.

    Raises
    ------
    InputError
        For NaN or infinite features, unequal numbers of features, or fewer patients on a side than
        folds.

    Notes
    -----
    Guarantee: none. The weights are cross-fitted on these very cases, so even the bound by half
    their mean absolute error (`WeightedQuantile`), which is for weights made from other cases, has
    no proof here. They can only repair a shift of these features, not one of Dice given them.
    The odds of a cross-fitted logistic regression on standardised features, corrected for the
    numbers of cases in each fold.
    Source: Tibshirani et al. (NeurIPS 2019), section 2.3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = domain_weights(rng.normal(0, 1, (300, 1)), rng.normal(1, 1, (300, 1)))
    >>> round(found.effective_patients)
    101
    """
    old, new = _features("calibration", calibration_features), _features("new", new_features)
    if old.shape[1] != new.shape[1]:
        raise InputError(f"{old.shape[1]} features", new.shape[1], "pass the same features")
    if not largest > 1.0:
        raise InputError("largest > 1", largest, "give the largest odds to keep")
    people = _people(patients, len(old), new_patients, len(new))
    is_new = np.repeat([0, 1], [len(old), len(new)])
    fewest = min(np.unique(people[is_new == side]).size for side in (0, 1))
    if fewest < folds or folds < 2:
        raise InputError(f"at least {folds} >= 2 patients on each side", fewest, "use fewer folds")
    weights = np.empty(is_new.size)
    features = np.concatenate([old, new])
    for fitted, judged in _folds(features, is_new, people, folds):
        old_part, new_part = (features[fitted[is_new[fitted] == side]] for side in (0, 1))
        weights[judged] = domain_odds(old_part, new_part, largest).of(features[judged])
    clipped = float(np.isin(weights[: len(old)], (1.0 / largest, largest)).mean())
    weights /= weights[: len(old)].mean()
    calibration = weights[: len(old)]
    rows = first_row_of_each_patient(people[: len(old)], len(old))
    return DomainWeights(
        calibration, weights[len(old) :], effective_patients(calibration[rows]), clipped
    )


def _features(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise InputError(
            f"finite {name} features of shape (cases, features)",
            f"shape {array.shape}" if array.ndim != 2 else "NaN or infinite values",
            "pass one row per case, and drop or repair cases without features",
        )
    return array


def _people(
    patients: ArrayLike | None, old: int, new_patients: ArrayLike | None, new: int
) -> NDArray[np.intp]:
    labels = np.empty(old + new, dtype=object)
    for start, count, ids in ((0, old, patients), (old, new, new_patients)):
        first_row_of_each_patient(ids, count)  # refuses missing ids and a wrong number of them
        # without ids every row is a patient of its own: its number cannot equal an id's text
        given = range(start, start + count) if ids is None else map(str, np.asarray(ids))
        labels[start : start + count] = [*given]
    return np.asarray(pd.factorize(labels)[0])


def _folds(
    features: NDArray[np.float64], is_new: NDArray[np.intp], people: NDArray[np.intp], folds: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    from sklearn.model_selection import StratifiedGroupKFold  # heavy: loaded where used

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=SEED)
    yield from splitter.split(features, is_new, people)
