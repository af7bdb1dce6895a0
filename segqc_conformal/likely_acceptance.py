"""What an accept promise would probably bring, forecast from patients that do not calibrate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.accept_grid import accept_grid, start_chances
from segqc_conformal.calibrators.planning import LARGEST_STUDY, largest_tolerable_bad
from segqc_conformal.pilot_plan import cheapest_threshold

__all__ = ["LikelyAcceptance", "accepted_shares", "likely_acceptance"]

RESAMPLINGS = 200


@dataclass(frozen=True)
class LikelyAcceptance:
    """What a calibration would probably certify.

    Parameters
    ----------
    p_certify : float
        Chance of a certificate, as the certificate itself prints it.
    share_if_certified : float or None
        Mean share accepted where there is one; None: in none of the resamplings.
    patients_needed : int or None
        Calibration patients for an 80 % chance; None: no number would do, as it looks here.

    Notes
    -----
    Guarantee: none; a forecast.
    """

    p_certify: float
    share_if_certified: float | None
    patients_needed: int | None

    @property
    def share_accepted(self) -> float:
        """Expected share accepted; none is accepted where nothing is certified."""
        return self.p_certify * (self.share_if_certified or 0.0)


def likely_acceptance(
    scores: NDArray[np.float64],
    bad: NDArray[np.bool_],
    patients: int,
    tolerated_error: float,
    confidence: float,
    seed: int = 0,
) -> LikelyAcceptance:
    """Forecast a calibration from patients that do not take part in it.

    Parameters
    ----------
    scores : ndarray of float64, shape (tuning patients,)
        Out-of-fold accept scores; -inf for an empty prediction.
    bad : ndarray of bool, shape (tuning patients,)
        Whether Dice is at or below the threshold.
    patients : int
        Calibration patients to come, >= 0.
    tolerated_error, confidence : float
        alpha, and 1 - delta of the test itself, in (0, 1).
    seed : int
        Of the resamplings.

    Returns
    -------
    LikelyAcceptance

    Notes
    -----
    Grid and start are those that the calibration would use. Zero bad patients seen are not taken
    for zero errors: the chance is averaged over errors that they leave likely, and half a bad
    patient more is assumed for the patients needed.
    Guarantee: none; a forecast.

    Examples
    --------
    >>> score = np.linspace(0, 1, 80)
    >>> found = likely_acceptance(score, score < 0.3, 100, 0.1, 0.9)
    >>> round(found.p_certify, 2), round(found.share_if_certified, 2), found.patients_needed
    (0.85, 0.74, 51)
    """
    needed, _, _ = cheapest_threshold(scores, bad, tolerated_error, confidence)
    grid = accept_grid(scores, patients, tolerated_error, confidence, tuning_bad=bad)
    if grid.size == 0:
        return LikelyAcceptance(0.0, None, needed)
    start = start_chances(scores, bad, grid[:1], patients, tolerated_error, confidence)
    shares = accepted_shares(scores, bad, grid, patients, tolerated_error, confidence, seed)
    certified = shares[shares > 0.0]
    mean = float(certified.mean()) if certified.size else None
    return LikelyAcceptance(float(start[0]), mean, needed)


def accepted_shares(
    scores: NDArray[np.float64],
    bad: NDArray[np.bool_],
    grid: NDArray[np.float64],
    patients: int,
    tolerated_error: float,
    confidence: float,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the share accepted after each of 200 calibrations on resampled patients.

    Parameters
    ----------
    scores, bad, patients, tolerated_error, confidence, seed
        As in `likely_acceptance`.
    grid : ndarray of float64, shape (thresholds,)
        Thresholds in test order.

    Returns
    -------
    ndarray of float64, shape (200,)
        0 where nothing is certified.

    Notes
    -----
    All resamplings are tested at once, as one `AcceptThreshold` would test each of them.
    Guarantee: none; a forecast.

    Examples
    --------
    >>> score = np.linspace(0, 1, 80)
    >>> shares = accepted_shares(score, score < 0.3, np.array([0.6, 0.2]), 100, 0.1, 0.9)
    >>> sorted(set(shares.tolist()))
    [0.4, 0.8]
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(patients, np.full(scores.size, 1.0 / scores.size), RESAMPLINGS)
    accepts = scores[:, None] >= grid
    accepted, wrong = drawn @ accepts, drawn @ (accepts & bad[:, None])
    # as large as the other forecasts need it, so that it is made once
    tolerable = largest_tolerable_bad(max(patients, LARGEST_STUDY), tolerated_error, confidence)
    passed = np.logical_and.accumulate(wrong <= tolerable[accepted], axis=1).sum(axis=1)
    shares = np.concatenate([[0.0], accepts.mean(axis=0)])
    return np.asarray(shares[passed])
