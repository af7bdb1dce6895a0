"""The fewest calibration patients with which a promise can be made at all."""

from __future__ import annotations

from bisect import bisect_left

from segqc_conformal.calibrators.checks import check_open_unit
from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.calibrators.planning import LARGEST_STUDY, largest_tolerable_bad

__all__ = ["fewest_accepted", "fewest_for_interval"]

_LARGEST = 100_000


def fewest_for_interval(miscoverage: float, confidence: float | None = None) -> int | None:
    """Return the fewest calibration patients for an interval that is not all of [0, 1].

    Parameters
    ----------
    miscoverage : float
        alpha in (0, 1).
    confidence : float, optional
        1 - delta in (0, 1) of a PAC interval; None: the marginal one.

    Returns
    -------
    int or None
        None if 100,000 would not do.

    Notes
    -----
    Guarantee: none (arithmetic of the rank, see `marginal_rank` and `pac_rank`). At this number
    the interval is as wide as the largest calibration error; more patients make it narrower.

    Examples
    --------
    >>> fewest_for_interval(0.1), fewest_for_interval(0.1, confidence=0.9)
    (9, 22)
    """
    check_open_unit(miscoverage=miscoverage, confidence=confidence)

    def finite(patients: int) -> bool:
        return interval_rank(patients, miscoverage, confidence) is not None

    fewest = bisect_left(range(_LARGEST), True, key=finite)
    return fewest if fewest < _LARGEST else None


def fewest_accepted(bad: int, tolerated_error: float, confidence: float) -> int | None:
    """Return how many accepted calibration patients certify with `bad` bad ones among them.

    Parameters
    ----------
    bad : int
        Accepted patients with Dice at or below the threshold, >= 0.
    tolerated_error, confidence : float
        alpha and 1 - delta of the accept promise, in (0, 1).

    Returns
    -------
    int or None
        None if 4,096 would not do.

    Notes
    -----
    Guarantee: none (arithmetic of the exact binomial test, when the first look spends all of
    delta).

    Examples
    --------
    >>> fewest_accepted(0, 0.1, 0.9), fewest_accepted(1, 0.1, 0.9), fewest_accepted(0, 0.05, 0.9)
    (22, 38, 45)
    """
    check_open_unit(tolerated_error=tolerated_error, confidence=confidence)
    passes = largest_tolerable_bad(LARGEST_STUDY, tolerated_error, confidence) >= bad
    return int(passes.argmax()) if passes.any() else None
