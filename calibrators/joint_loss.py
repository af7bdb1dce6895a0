"""The joint loss of accepting: bounded, and its mean says whether the accepted are good enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.p_values import betting_p_value, hoeffding_bentkus_p_value

__all__ = ["joint_losses", "joint_p_values"]


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
    patient of the new population drawn at random and then one of their cases drawn at random.
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


def joint_p_values(
    losses: NDArray[np.float64], tolerated_error: float, test: str
) -> NDArray[np.float64]:
    """Return the p-values of "the mean joint loss is at least alpha", one per threshold.

    Parameters
    ----------
    losses : ndarray of float64, shape (patients, thresholds)
    tolerated_error : float
    test : {"hoeffding-bentkus", "betting"}

    Notes
    -----
    Guarantee: those of `hoeffding_bentkus_p_value` and `betting_p_value`.

    Examples
    --------
    >>> joint_p_values(np.zeros((44, 1)), 0.1, "hoeffding-bentkus").round(3).tolist()
    [0.01]
    """
    if test == "betting":
        return betting_p_value(losses, tolerated_error)
    if losses.shape[0] == 0:
        return np.ones(losses.shape[1])
    return hoeffding_bentkus_p_value(losses.mean(axis=0), losses.shape[0], tolerated_error)
