"""Calibration cases of an accept decision: score, bad or not, patient, weight; checked once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import (
    finite_array,
    numbered_patients,
    positive_weights,
)

__all__ = ["LabelledScores", "labelled_scores"]


@dataclass(frozen=True)
class LabelledScores:
    """Checked calibration cases.

    Parameters
    ----------
    scores : ndarray of float64, shape (cases,)
    bad : ndarray of bool, shape (cases,)
    patients : ndarray of int, shape (cases,)
        0, 1, ... : the patient of each case, without gaps.
    weights : ndarray of float64, shape (cases,), or None

    Notes
    -----
    Guarantee: none.
    """

    scores: NDArray[np.float64]
    bad: NDArray[np.bool_]
    patients: NDArray[np.intp]
    weights: NDArray[np.float64] | None = None

    @property
    def patient_count(self) -> int:
        """Number of patients."""
        return int(self.patients.max(initial=-1)) + 1

    def rows(self, kept: NDArray[np.intp] | NDArray[np.bool_]) -> LabelledScores:
        """Return some of the cases, with patients counted anew."""
        patients = np.unique(self.patients[kept], return_inverse=True)[1].reshape(-1)
        weights = None if self.weights is None else self.weights[kept]
        return LabelledScores(self.scores[kept], self.bad[kept], patients, weights)

    def first_of_each_patient(self) -> LabelledScores:
        """Return the first row of each patient."""
        return self.rows(np.sort(np.unique(self.patients, return_index=True)[1]))


def labelled_scores(
    score: ArrayLike,
    dice: ArrayLike,
    dice_threshold: float,
    patients: ArrayLike | None,
    weights: ArrayLike | None = None,
) -> LabelledScores:
    """Check the arrays of a calibration.

    Parameters
    ----------
    score, dice : array_like of float, shape (cases,)
    dice_threshold : float
        A case is bad if its Dice is <= this.
    patients : array_like, shape (cases,), or None
        None: every row is its own patient.
    weights : array_like of float, shape (cases,), optional
        > 0 and finite.

    Raises
    ------
    InputError
        For NaN, out-of-range values, unequal lengths and missing patients.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> found = labelled_scores([1, 2, 3], [.9, .5, .8], 0.8, ["p", "q", "p"])
    >>> found.bad.tolist(), found.first_of_each_patient().scores.tolist(), found.patient_count
    ([False, True, True], [1.0, 2.0], 2)
    """
    values = finite_array("dice", dice, low=0.0, high=1.0)
    scores = finite_array("accept score", score, like=values)
    checked = None if weights is None else positive_weights(weights, values)
    numbers = numbered_patients(patients, values.size)
    return LabelledScores(scores, values <= dice_threshold, numbers, checked)
