"""The thresholds an accept certificate tests, in order, chosen without calibration labels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import check_open_unit, delta_of, finite_array
from segqc_conformal.calibrators.planning import accepted_and_bad, likely_chance
from segqc_conformal.errors import InputError

__all__ = ["accept_grid", "start_chances"]

STRICTEST_FACTOR = 1.1  # below, hardly any calibration could certify even without a bad patient
CAPPED_SHARE, CAPPED_FACTOR = 0.6, 1.3  # in small calibrations factor 2.0 would ask for nearly all
NEARLY = 0.8
LOOSEST_SHARE = 0.98  # of cases, which the last threshold accepts


def accept_grid(
    tuning_scores: ArrayLike,
    calibration_patients: int,
    tolerated_error: float = 0.1,
    confidence: float = 0.9,
    *,
    tuning_bad: ArrayLike | None = None,
    start_factor: float = 2.0,
    size: int = 50,
) -> NDArray[np.float64]:
    """Choose the grid and start of the accept sequence from scores of other patients.

    Parameters
    ----------
    tuning_scores : array_like of float, shape (patients,)
        Accept scores of patients that do not calibrate (the fit patients' out-of-fold scores, or
        other unlabelled cases); -inf marks an empty prediction.
    calibration_patients : int
        Number of calibration patients (a count, no label).
    tolerated_error, confidence : float
        alpha and 1 - delta of the accept promise.
    tuning_bad : array_like of bool, shape (patients,), optional
        Which of these patients have a bad mask. The start then moves, stricter or looser, to the
        nearest threshold whose chance of a certificate is 0.8 of the best one's. None: it stays
        where `start_factor` puts it.
    start_factor : float
        The first threshold is expected to accept at least
        ``start_factor * ln(delta) / ln(1 - alpha)`` calibration patients, but at most 0.6 of them
        all, or what a factor of 1.3 gives if that is more.
    size : int
        Number of thresholds before repeated ones are dropped.

    Returns
    -------
    ndarray of float64, shape (<= size,)
        Finite thresholds, strict to loose, in test order; empty where no score is finite.

    Raises
    ------
    InputError
        For NaN scores, unequal lengths, bad flags that are none, or fewer than 0 patients.

    Notes
    -----
    Guarantee: none by itself; fixed before calibration labels are seen, which
    `AcceptThreshold` needs.

    Examples
    --------
    >>> grid = accept_grid(np.linspace(0, 1, 101), calibration_patients=100)
    >>> grid.size, round(float(grid[0]), 2), round(float(grid[-1]), 2)
    (50, 0.57, 0.03)
    """
    check_open_unit(tolerated_error=tolerated_error, confidence=confidence)
    scores = finite_array("tuning scores", tuning_scores)
    bad = None if tuning_bad is None else _bad_flags(tuning_bad, scores)
    if calibration_patients < 0:
        raise InputError("0 or more calibration patients", calibration_patients, "give their count")
    if scores.size == 0 or calibration_patients == 0:
        return np.empty(0)
    fewest = math.log(delta_of(confidence)) / math.log(1.0 - tolerated_error) / calibration_patients
    start = min(start_factor * fewest, max(CAPPED_SHARE, CAPPED_FACTOR * fewest), LOOSEST_SHARE)
    if bad is not None:
        strictest = min(STRICTEST_FACTOR * fewest, start)
        tried = _thresholds(scores, strictest, size)
        shares = (scores[:, None] >= tried).mean(axis=0)
        chances = start_chances(
            scores, bad, tried, calibration_patients, tolerated_error, confidence
        )
        start = _nearest_good_start(start, shares, chances)
    return _thresholds(scores, start, size)


def _nearest_good_start(
    start: float, shares: NDArray[np.float64], chances: NDArray[np.float64]
) -> float:
    # few fit patients tell chances apart only where these differ much: stay near where the factor
    # puts the start, which was found to work without labels
    if not chances.size or chances.max() == 0.0:
        return start
    good = shares[chances >= NEARLY * chances.max()]
    return min(float(good[np.abs(good - start).argmin()]), LOOSEST_SHARE)


def _bad_flags(tuning_bad: ArrayLike, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    # as numbers first: a missing flag, NaN, would read as bad
    flags = finite_array("tuning bad flags", tuning_bad, like=scores, low=0.0, high=1.0)
    return flags > 0.0


def _thresholds(scores: NDArray[np.float64], strictest: float, size: int) -> NDArray[np.float64]:
    shares = np.linspace(strictest, LOOSEST_SHARE, size)
    thresholds = np.quantile(scores, 1.0 - shares, method="higher")
    return np.asarray(np.unique(thresholds[np.isfinite(thresholds)])[::-1])


def start_chances(
    scores: NDArray[np.float64],
    bad: NDArray[np.bool_],
    starts: NDArray[np.float64],
    patients: int,
    tolerated_error: float,
    confidence: float,
) -> NDArray[np.float64]:
    """Return, for each start of the sequence, the chance that it leads to a certificate.

    The sequence certifies if and only if its first test passes.

    Parameters
    ----------
    scores, bad : ndarray, shape (tuning patients,)
        Of patients that do not calibrate.
    starts : ndarray of float
    patients : int
        Number of calibration patients to come.
    tolerated_error, confidence : float

    Notes
    -----
    Guarantee: none; a forecast from few patients.

    Examples
    --------
    >>> scores, bad = np.linspace(0, 1, 50), np.zeros(50, bool)
    >>> start_chances(scores, bad, np.array([0.0, 0.9]), 60, 0.1, 0.9).round(2).tolist()
    [0.94, 0.0]
    """
    accepted, bad_accepted = accepted_and_bad(scores, bad, starts)
    return np.array(
        [
            likely_chance(patients, n / scores.size, int(n), int(k), tolerated_error, confidence)
            for n, k in zip(accepted, bad_accepted, strict=True)
        ]
    )
