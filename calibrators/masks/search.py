"""Which threshold is certified: the searches behind `MaskThreshold`."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.p_values import ROUNDING

__all__ = ["crc_budget", "fewest_patients_for_crc", "largest_threshold", "within_crc"]


def crc_budget(patients: int, tolerated: float) -> Fraction:
    """Return what the losses of n patients may sum to: ``alpha (n + 1) - 1``, exact.

    Notes
    -----
    Guarantee: ``(n / (n + 1)) mean + 1 / (n + 1) <= alpha`` exactly where the sum is within it.
    Source: Angelopoulos et al., Conformal Risk Control (ICLR 2024), Theorem 1 with B = 1.

    Examples
    --------
    >>> crc_budget(9, 0.1), crc_budget(19, 0.1), crc_budget(8, 0.1)
    (Fraction(0, 1), Fraction(1, 1), Fraction(-1, 10))
    """
    return (patients + 1) * Fraction(str(float(tolerated))) - 1


def fewest_patients_for_crc(tolerated: float) -> int:
    """Return the fewest patients with a budget that is not negative.

    Examples
    --------
    >>> fewest_patients_for_crc(0.1), fewest_patients_for_crc(0.05)
    (9, 19)
    """
    return math.ceil(1 / Fraction(str(float(tolerated)))) - 1


def within_crc(lost: NDArray[np.intp], counted: NDArray[np.intp], tolerated: float) -> bool:
    """Return whether the losses ``lost / counted`` of the patients keep within the budget.

    Parameters
    ----------
    lost, counted : ndarray of int, shape (patients,)
        ``0 <= lost <= counted``; counted >= 1.
    tolerated : float
        alpha in (0, 1).

    Returns
    -------
    bool
        Decided in exact arithmetic where rounding could matter.

    Examples
    --------
    >>> within_crc(np.full(29, 2), np.full(29, 29), 0.1)  # 29 times 2/29 is 2 = 0.1 * 30 - 1
    True
    """
    budget = crc_budget(lost.size, tolerated)
    total = math.fsum(lost / counted)
    if abs(total - float(budget)) > ROUNDING:
        return total < budget
    exact = (Fraction(int(k), int(n)) for k, n in zip(lost, counted, strict=True))
    return sum(exact, start=Fraction(0)) <= budget


def largest_threshold(holds: Callable[[float], bool], bits: int = 64) -> float | None:
    """Return the largest threshold in [0, 1] up to which `holds` is true.

    Parameters
    ----------
    holds : callable
        True from 0 to some threshold, False beyond; changes only just above a probability of a
        calibration case.
    bits : {16, 32, 64}
        Width of the widest probabilities.

    Returns
    -------
    float or None
        Exact: bisection over the floating-point numbers themselves, so that no list of candidate
        thresholds is held in memory. None where even 0 does not hold.

    Examples
    --------
    >>> largest_threshold(lambda t: t <= 0.3, bits=64)
    0.3
    """
    integer, number = np.dtype(f"u{bits // 8}"), np.dtype(f"f{bits // 8}")

    def as_float(code: int) -> float:  # the codes of non-negative floats are in their order
        return float(np.array(code, dtype=integer).view(number))

    low, high = 0, int(np.array(1.0, dtype=number).view(integer))
    if not holds(0.0):
        return None
    if holds(1.0):
        return 1.0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(as_float(middle)) else (low, middle)
    return as_float(low)
