"""Which order statistic of the calibration nonconformity carries the promise."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from scipy.stats import binom

from segqc_conformal.calibrators.checks import delta_of

__all__ = ["interval_rank", "marginal_rank", "pac_rank"]


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
    ranks = np.arange(1, patients + 1)
    tail = binom.sf(ranks - 1, patients, 1.0 - miscoverage)
    enough = np.flatnonzero(tail <= delta_of(confidence))
    return int(ranks[enough[0]]) if enough.size else None


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
