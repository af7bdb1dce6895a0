"""The joint loss of accepting: bounded, and its mean says whether the accepted are good enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["joint_losses", "patient_losses"]


def joint_losses(
    scores: NDArray[np.float64],
    bad: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
    tolerated_error: float,
    patients: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return each patient's mean of ``weight 1{score >= t} (bad - alpha) + alpha``.

    Parameters
    ----------
    scores, bad : ndarray, shape (cases,)
    thresholds : ndarray of float64, shape (thresholds,)
    tolerated_error : float
        alpha in (0, 1).
    patients : ndarray of int, shape (cases,)
        0, 1, ... : the patient of each case.
    weights : ndarray of float64, shape (cases,)
        Density ratio of new to calibration population, divided by its bound: in [0, 1].

    Returns
    -------
    ndarray of float64, shape (patients, thresholds)
        In [0, 1].

    Notes
    -----
    Guarantee: the expectation is <= alpha if and only if P(bad given score >= t) <= alpha for a
    case drawn at random from a patient drawn at random: of accepted cases, each counting
    1 / (number of cases of its patient), at most alpha are bad.
    Source: `Learn then Test`, Ann. Appl. Stat. 19 (2025), on ratios of expectations.

    Examples
    --------
    >>> scores, bad, patients = np.array([.9, .8, .1]), np.array([True, False, True]), [0, 0, 1]
    >>> joint_losses(scores, bad, np.array([0.5]), 0.1, np.array(patients), np.ones(3)).tolist()
    [[0.5], [0.1]]
    """
    count = np.bincount(patients)
    gain = weights * (bad - tolerated_error) / count[patients]
    losses = np.zeros((count.size, thresholds.size))
    for j, threshold in enumerate(thresholds):
        kept = np.where(scores >= threshold, gain, 0.0)
        losses[:, j] = np.bincount(patients, kept, minlength=count.size)
    # rounding may leave [0, 1] by an ulp
    return np.clip(losses + tolerated_error, 0.0, 1.0)


def patient_losses(
    best: NDArray[np.float64],
    best_bad: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    tolerated_error: float,
) -> NDArray[np.float64]:
    """Return ``1{best >= t} (1{best bad >= t} - alpha) + alpha`` of each patient as a whole.

    Parameters
    ----------
    best, best_bad : ndarray of float64, shape (patients,)
        Largest score of the patient's cases, and of the bad ones (-inf: none).
    thresholds : ndarray of float64, shape (thresholds,)
    tolerated_error : float
        alpha in (0, 1).

    Returns
    -------
    ndarray of float64, shape (patients, thresholds)
        0 for an accepted patient without an accepted bad case, 1 with one, else alpha.

    Notes
    -----
    Guarantee: the expectation is <= alpha if and only if, of the patients with an accepted case, at
    most alpha have an accepted bad one.

    Examples
    --------
    >>> patient_losses(np.array([.9, .8, .1]), np.array([.7, .8, .1]), np.array([.75]), 0.1).ravel()
    array([0. , 1. , 0.1])
    """
    accepted, wrong = best[:, None] >= thresholds, best_bad[:, None] >= thresholds
    return np.asarray(np.where(accepted, wrong.astype(np.float64), tolerated_error))
