"""Which order statistic of the calibration nonconformity carries the promise."""

from __future__ import annotations

import math
from bisect import bisect_left
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from segqc_conformal.calibrators.checks import delta_of

__all__ = ["conformal_quantile", "interval_rank", "marginal_rank", "pac_rank"]

CLOSE = 1e-9  # nearer to delta than this, a tail probability is computed exactly


def marginal_rank(patients: int, miscoverage: float) -> int | None:
    """Return the rank of the nonconformity that gives marginal coverage.

    Parameters
    ----------
    patients : int
        Number n of calibration patients, >= 0.
    miscoverage : float
        alpha in (0, 1).

    Returns
    -------
    int or None
        ``k = ceil((n + 1)(1 - alpha))``, in exact decimal arithmetic; None where ``k > n``:
        no finite interval holds, so the interval is the whole support.

    Notes
    -----
    Guarantee: with exchangeable patients, P(new nonconformity <= k-th smallest) >= 1 - alpha.
    Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), Prop. 2.3.

    Examples
    --------
    >>> marginal_rank(9, 0.1), marginal_rank(8, 0.1), marginal_rank(99, 0.1)
    (9, None, 90)
    """
    # the decimal the user wrote, not its binary neighbour: (9 + 1) * (1 - 0.1) must be 9 exactly
    level = 1 - Fraction(str(float(miscoverage)))
    rank = math.ceil((patients + 1) * level)
    return rank if rank <= patients else None


def pac_rank(patients: int, miscoverage: float, confidence: float) -> int | None:
    """Return the rank of the nonconformity that gives coverage with confidence (PAC).

    Parameters
    ----------
    patients : int
        Number n of calibration patients, >= 0.
    miscoverage, confidence : float
        alpha and 1 - delta, in (0, 1).

    Returns
    -------
    int or None
        Smallest k with ``P(Bin(n, 1 - alpha) >= k) <= delta``; None where no k <= n has it.

    Notes
    -----
    Guarantee: with independent, identically distributed patients, with probability >= 1 - delta
    over the calibration draw, coverage of new patients is >= 1 - alpha.
    Source: Vovk, Conditional validity of inductive conformal predictors (ACML 2012), Prop. 2a.

    Examples
    --------
    >>> pac_rank(100, 0.1, 0.95), pac_rank(28, 0.1, 0.95), pac_rank(29, 0.1, 0.95)
    (96, None, 29)
    """
    delta = delta_of(confidence)

    def kept(rank: int) -> bool:
        tail = float(betainc(rank, patients + 1 - rank, 1.0 - miscoverage))
        if abs(tail - delta) > CLOSE * delta:
            return tail < delta
        return _exact_tail(rank, patients, miscoverage) <= Fraction(str(delta))

    rank = bisect_left(range(1, patients + 1), True, key=kept) + 1
    return rank if rank <= patients else None


def _exact_tail(rank: int, patients: int, miscoverage: float) -> Fraction:
    """Return P(Bin(n, 1 - alpha) >= k) as a fraction: floats cannot decide a tie with delta."""
    alpha = Fraction(str(float(miscoverage)))
    missed, caught = alpha.numerator, alpha.denominator - alpha.numerator
    term = total = caught**patients
    for misses in range(1, patients - rank + 1):
        term = term * (patients + 1 - misses) * missed // (misses * caught)
        total += term
    return Fraction(total, alpha.denominator**patients)


def interval_rank(patients: int, miscoverage: float, confidence: float | None) -> int | None:
    """Return `pac_rank`, or `marginal_rank` where `confidence` is None.

    Notes
    -----
    Guarantee: that of the rank returned.

    Examples
    --------
    >>> interval_rank(22, 0.1, None), interval_rank(22, 0.1, 0.9)
    (21, 22)
    """
    if confidence is None:
        return marginal_rank(patients, miscoverage)
    return pac_rank(patients, miscoverage, confidence)


def conformal_quantile(
    nonconformity: NDArray[np.float64], miscoverage: float, confidence: float | None
) -> float | None:
    """Return the calibrated nonconformity, or None where no finite one keeps the promise.

    That is where patients are too few, or too many have an infinite nonconformity.

    Parameters
    ----------
    nonconformity : ndarray of float64, shape (patients,)
        One value per calibration patient, in any order.
    miscoverage : float
        alpha in (0, 1).
    confidence : float or None
        1 - delta in (0, 1) for a PAC quantile; None for a marginal one.

    Notes
    -----
    Guarantee: that of the rank (`interval_rank`); ties only add coverage.

    Examples
    --------
    >>> conformal_quantile(np.arange(9.0), 0.1, None), conformal_quantile(np.arange(8.0), 0.1, None)
    (8.0, None)
    """
    rank = interval_rank(nonconformity.size, miscoverage, confidence)
    if rank is None:
        return None
    quantile = float(np.partition(nonconformity, rank - 1)[rank - 1])
    return None if quantile == math.inf else quantile
