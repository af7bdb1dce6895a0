"""The thresholds an accept certificate tests, in order, chosen without calibration labels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import check_open_unit, delta_of
from segqc_conformal.calibrators.planning import accepted_and_bad, likely_chance

__all__ = ["accept_grid", "start_chances"]

STARTS = 4  # every fourth looser threshold is tried as the start
STRICTER = (1.1, 1.3, 1.5, 1.75)  # and stricter ones, of these factors
LARGEST_START = 0.6  # share of all patients that a start may accept ...
SMALLEST_FACTOR = 1.3  # ... unless its factor falls below this
NEARLY = 0.8


def accept_grid(
    tuning_scores: ArrayLike,
    calibration_patients: int,
    tolerated_error: float = 0.1,
    confidence: float = 0.9,
    *,
    tuning_bad: ArrayLike | None = None,
    start_factor: float = 2.0,
    size: int = 50,
    loosest_share: float = 0.98,
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
        Which of these patients have a bad mask. The start then moves from that of `start_factor`,
        stricter (down to the factor 1.1) or looser, to the nearest whose chance of a certificate
        is 0.8 of the best one's; None: it stays.
    start_factor : float
        The first threshold is expected to accept ``start_factor * ln(delta) / ln(1 - alpha)``
        calibration patients; where that is more than 0.6 of all, 0.6 or the factor 1.3.
    size : int
        Number of thresholds before repeated ones are dropped.
    loosest_share : float
        Share of cases that the last threshold accepts, at most that with a finite score.

    Returns
    -------
    ndarray of float64, shape (<= size,)
        Finite thresholds, strict to loose, in test order; empty where no score is finite.

    Notes
    -----
    Guarantee: none by itself; fixed before calibration labels are seen, which
    `AcceptThreshold` needs. The constants were chosen by simulation, for acceptance.

    Examples
    --------
    >>> grid = accept_grid(np.linspace(0, 1, 101), calibration_patients=100)
    >>> grid.size, round(float(grid[0]), 2), round(float(grid[-1]), 2)
    (50, 0.57, 0.03)
    """
    check_open_unit(tolerated_error=tolerated_error, confidence=confidence)
    scores = np.asarray(tuning_scores, dtype=np.float64)
    if not np.isfinite(scores).any() or calibration_patients == 0:
        return np.empty(0)
    # no threshold accepts an empty prediction
    loosest_share = min(loosest_share, float(np.isfinite(scores).mean()))
    fewest = math.log(delta_of(confidence)) / math.log(1.0 - tolerated_error)
    one = fewest / calibration_patients
    start = min(start_factor * one, max(LARGEST_START, SMALLEST_FACTOR * one), loosest_share)
    if tuning_bad is not None:
        stricter = [factor * one for factor in STRICTER if factor * one < start]
        shares = np.r_[stricter, np.linspace(start, loosest_share, size)[::STARTS]]
        bad = np.asarray(tuning_bad, dtype=bool)
        starts = np.quantile(scores, 1.0 - shares, method="higher")
        chances = start_chances(
            scores, bad, starts, calibration_patients, tolerated_error, confidence
        )
        start = float(shares[_nearest_good(chances, len(stricter))])
    return _thresholds(scores, start, loosest_share, size)


def _nearest_good(chances: NDArray[np.float64], usual: int) -> int:
    # few patients tell chances apart only where these differ much, so the usual start is left no
    # further than that asks for; of two equally near, the stricter reaches the looser one as well
    good = np.flatnonzero(chances >= NEARLY * chances.max())
    return int(good[np.argmin(np.abs(good - usual))])


def _thresholds(
    scores: NDArray[np.float64], strictest: float, loosest: float, size: int
) -> NDArray[np.float64]:
    shares = np.linspace(strictest, loosest, size)
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
