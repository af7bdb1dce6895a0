"""Calibration patients that each promise needs: at least, and for an 80 % chance of getting it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from segqc_conformal.calibrators.checks import delta_of
from segqc_conformal.calibrators.masks.risk_test import fewest_patients_to_certify
from segqc_conformal.calibrators.planning import CHANCE, LARGEST_STUDY, calibration_size
from segqc_conformal.plan import fewest_accepted, fewest_for_interval
from segqc_conformal.planning_words import per_cent

__all__ = ["PromiseNeed", "promise_needs"]

GRID = 50  # thresholds of the accept sequence, as the gate makes them


@dataclass(frozen=True)
class PromiseNeed:
    """What one promise needs.

    Parameters
    ----------
    promise : str
        In words.
    fewest : int or None
        With fewer it cannot be made; None: 100,000 would not do.
    of_accepted : bool
        Whether `fewest` counts accepted calibration patients, not all.
    likely : int or None
        Calibration patients for an 80 % chance of it, or of more than "nothing is accepted"; None:
        4,096 would not do.

    Notes
    -----
    Guarantee: none; a planning figure.
    """

    promise: str
    fewest: int | None
    of_accepted: bool
    likely: int | None


def promise_needs(
    tolerated_error: float,
    confidence: float,
    miscoverage: float,
    accepted_share: float,
    error_among_accepted: float,
) -> tuple[PromiseNeed, ...]:
    """Return what each promise needs, those of the gate first.

    Parameters
    ----------
    tolerated_error, confidence, miscoverage : float
        Of the promises, in (0, 1).
    accepted_share, error_among_accepted : float
        Assumed share of cases that the threshold accepts, and of bad ones among them, in [0, 1].

    Returns
    -------
    tuple of PromiseNeed

    Notes
    -----
    An interval, and a threshold that bounds missed voxels, exist for certain from the fewest
    patients on; more make them tighter. A batch is taken to be large.
    Guarantee: none; planning figures under the two assumed shares.

    Examples
    --------
    >>> needs = promise_needs(0.1, 0.9, 0.1, accepted_share=0.5, error_among_accepted=0.02)
    >>> [(need.fewest, need.likely) for need in needs]
    [(9, 9), (22, 22), (22, 98), (59, 127), (9, 39), (9, 9), (9, 9), (27, 27), (9, 9)]
    """
    alpha, sure = tolerated_error, f"with {per_cent(confidence)} confidence"
    covers, bad = per_cent(1.0 - miscoverage), f"at most {per_cent(alpha)}"
    marginal, pac = (fewest_for_interval(miscoverage, level) for level in (None, confidence))
    each = float(1 - Fraction(str(delta_of(confidence))) / GRID)
    among = fewest_for_interval(miscoverage, each)
    on_average = fewest_for_interval(alpha)
    missed = fewest_patients_to_certify("betting", alpha, delta_of(confidence))

    def accepts_enough(patients: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(binom.sf((among or np.inf) - 1, patients, accepted_share))

    def few_enough_bad(share: float) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
        # bad patients above the threshold, the new one counted with them, are at most this share
        level = Fraction(str(alpha)) * Fraction(str(share))

        def chance(patients: NDArray[np.int64]) -> NDArray[np.float64]:
            allowed = np.array([int(level * (int(n) + 1)) - 1 for n in patients])
            return np.asarray(binom.cdf(allowed, patients, accepted_share * error_among_accepted))

        return chance

    return (
        PromiseNeed(
            f"interval covers {covers} of new patients, averaged over calibrations",
            marginal,
            False,
            marginal,
        ),
        PromiseNeed(f"interval covers {covers} of new patients, {sure}", pac, False, pac),
        PromiseNeed(
            f"{bad} bad among the accepted, {sure}",
            fewest_accepted(0, alpha, confidence),
            True,
            calibration_size(accepted_share, error_among_accepted, alpha, confidence),
        ),
        PromiseNeed(
            f"interval covers {covers} of accepted patients, whichever of {GRID} thresholds "
            f"accepts, {sure}",
            among,
            True,
            _from_which_on(accepts_enough),
        ),
        PromiseNeed(
            f"batch selection: {bad} bad among the accepted, on average over batches",
            on_average,
            False,
            _from_which_on(few_enough_bad(accepted_share)),
        ),
        PromiseNeed(
            f"joint risk: {bad} of all patients accepted and bad, on average",
            on_average,
            False,
            _from_which_on(few_enough_bad(1.0)),
        ),
        PromiseNeed(
            f"mask threshold: {bad} of the reference missed, on average over patients",
            on_average,
            False,
            on_average,
        ),
        PromiseNeed(
            f"mask threshold: {bad} of the reference missed on average, {sure}",
            missed,
            False,
            missed,
        ),
        PromiseNeed(
            f"cross-conformal interval covers {covers} of new patients, averaged over "
            "calibrations, the same patients fit and calibrate",
            marginal,
            False,
            marginal,
        ),
    )


def _from_which_on(chance: Callable[[NDArray[np.int64]], NDArray[np.float64]]) -> int | None:
    patients = np.arange(1, LARGEST_STUDY + 1)
    # counts come in steps, so a chance may fall again: the number from which on it stays
    short = np.flatnonzero(chance(patients) < CHANCE)
    fewest = int(short[-1]) + 2 if short.size else 1
    return fewest if fewest <= LARGEST_STUDY else None
