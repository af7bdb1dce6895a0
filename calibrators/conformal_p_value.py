"""Conformal p-values of "this case is like the calibration cases"."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.conformal_rank import marginal_rank

__all__ = ["alarm_rank", "conformal_ranks"]


def conformal_ranks(calibration: ArrayLike, nonconformity: ArrayLike) -> NDArray[np.int64]:
    """Return the ranks of new cases: 1 + how many calibration patients are at least as unlike.

    Parameters
    ----------
    calibration : array_like of float, shape (patients,)
        Nonconformity of the n calibration patients.
    nonconformity : array_like of float, shape (cases,)
        Of new cases; no NaN.

    Returns
    -------
    ndarray of int64, shape (cases,)
        1..n + 1; the p-value is the rank over n + 1.

    Notes
    -----
    Guarantee: for a new case exchangeable with the calibration patients, P(p <= a) <= a for each
    a, over calibration and new case together; ties count against an alarm. For independent,
    identically distributed cases without ties, P(p <= a) given the calibration is
    Beta(k, n + 1 - k) over calibrations, k = floor(a (n + 1)).
    Source: Vovk, Gammerman, Shafer (2005), Prop. 2.3; Vovk (ACML 2012); Bates et al., Testing for
    outliers with conformal p-values, Ann. Stat. 51 (2023).

    Examples
    --------
    >>> conformal_ranks([0.1, 0.5, 0.5, 0.9], [0.0, 0.5, 1.0]).tolist()
    [5, 4, 1]
    """
    ordered = np.sort(np.asarray(calibration, dtype=np.float64))
    below = np.searchsorted(ordered, np.asarray(nonconformity, dtype=np.float64), side="left")
    return np.asarray(1 + ordered.size - below, dtype=np.int64)


def alarm_rank(patients: int, false_alarm: float) -> int:
    """Return the largest rank that is an alarm: the whole part of ``false_alarm * (n + 1)``.

    0 where calibration patients are too few for any alarm.

    Examples
    --------
    >>> alarm_rank(19, 0.05), alarm_rank(18, 0.05), alarm_rank(99, 0.1)
    (1, 0, 10)
    """
    quiet = marginal_rank(patients, false_alarm)
    return 0 if quiet is None else patients + 1 - quiet
