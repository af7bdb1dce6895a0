"""Bootstrap by patient: intervals of a metric, and of the difference of two methods."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.weighted_sample import Metric

__all__ = [
    "Estimate",
    "bootstrap_interval",
    "paired_difference",
    "patient_counts",
    "percentile_interval",
    "replicated",
]

CELLS = 4_000_000  # replicates x cases in memory at a time


class Estimate(NamedTuple):
    """A number and its percentile interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


def patient_counts(patients: ArrayLike, replicates: int = 1000, seed: int = 0) -> NDArray[np.int64]:
    """Draw patients with replacement; count how often each case comes.

    Parameters
    ----------
    patients : array_like, shape (cases,)
        Patient of each case. All cases of a patient come together.
    replicates : int
        >= 1.
    seed : int

    Returns
    -------
    ndarray of int64, shape (replicates, cases)
        Each replicate draws as many patients as there are.

    Raises
    ------
    InputError
        For no cases or no replicates.

    Examples
    --------
    >>> counts = patient_counts(["a", "a", "b"], replicates=50)
    >>> bool((counts[:, 0] == counts[:, 1]).all()), set((counts[:, 0] + counts[:, 2]).tolist())
    (True, {2})
    """
    names = np.asarray(patients)
    if names.ndim != 1 or names.size == 0 or replicates < 1:
        raise InputError(
            "at least one case and one replicate",
            f"cases of shape {names.shape}, {replicates} replicates",
            "give the patient of each case",
        )
    _, which = np.unique(names, return_inverse=True)
    size = int(which.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(size, np.full(size, 1.0 / size), replicates)
    return np.asarray(drawn[:, which.reshape(-1)], dtype=np.int64)


def replicated(
    metric: Metric, score: ArrayLike, target: ArrayLike, counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return a metric in each replicate, a bounded number of replicates in memory at a time.

    Examples
    --------
    >>> from segqc_conformal.evaluation.prediction_error import mae
    >>> replicated(mae, [0.0, 1.0], [1.0, 1.0], np.array([[2, 0], [1, 1]])).tolist()
    [1.0, 0.5]
    """
    step = max(1, CELLS // counts.shape[1])
    parts = [
        metric(score, target, counts[start : start + step]) for start in range(0, len(counts), step)
    ]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


def percentile_interval(
    values: NDArray[np.float64], confidence: float = 0.95
) -> tuple[float, float]:
    """Return the percentile interval of the replicates in which a metric is defined.

    NaN unless it is defined in at least half of them.

    Examples
    --------
    >>> percentile_interval(np.arange(9.0), confidence=0.5)
    (2.0, 6.0)
    """
    if not 0.0 < confidence < 1.0:
        raise InputError("confidence in (0, 1)", confidence, "give for example 0.95")
    defined = values[np.isfinite(values)]
    if 2 * defined.size < values.size:
        return float("nan"), float("nan")
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)


def bootstrap_interval(
    metric: Metric,
    score: ArrayLike,
    target: ArrayLike,
    counts: NDArray[np.int64],
    confidence: float = 0.95,
) -> Estimate:
    """Return a metric with its bootstrap interval.

    Parameters
    ----------
    metric : Metric
        Any of this folder, such as `aurc`, `auroc` or `mae`.
    score, target : array_like of float, shape (cases,)
        As the metric takes them.
    counts : ndarray of int64, shape (replicates, cases)
        Of `patient_counts`.
    confidence : float, in (0, 1)

    Returns
    -------
    Estimate

    Notes
    -----
    Guarantee: approximate. For many independent patients the interval holds the metric's value in
    the population with about the probability `confidence`; with few patients (0.92 instead of 0.95
    for a mean of 60 exponential errors), or for metrics biased in small samples (ECE, ACE, ESCE),
    less often. It counts patients: cases of one patient
    are drawn together. Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993),
    chapter 13 (percentile interval); Davison and Hinkley (1997), section 3.8 (clusters).

    Examples
    --------
    >>> from segqc_conformal.evaluation.prediction_error import mae
    >>> counts = patient_counts(range(50))
    >>> found = bootstrap_interval(mae, np.linspace(0, 1, 50), np.zeros(50), counts)
    >>> found.value, found.low < 0.5 < found.high
    (0.5, True)
    """
    value = float(metric(score, target))
    return Estimate(
        value, *percentile_interval(replicated(metric, score, target, counts), confidence)
    )


def paired_difference(
    metric: Metric,
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    counts: NDArray[np.int64],
    confidence: float = 0.95,
) -> Estimate:
    """Return a metric of the first score less that of the second, with its bootstrap interval.

    Both are computed on the same drawn patients, so what is hard for both cancels. Parameters and
    guarantee are those of `bootstrap_interval`.

    Examples
    --------
    >>> from segqc_conformal.evaluation.prediction_error import mae
    >>> true = np.linspace(0, 1, 50)
    >>> found = paired_difference(mae, true + 0.1, true + 0.2, true, patient_counts(range(50)))
    >>> [round(number, 6) for number in found]
    [-0.1, -0.1, -0.1]
    """
    value = float(metric(first, target)) - float(metric(second, target))
    drawn = [replicated(metric, score, target, counts) for score in (first, second)]
    return Estimate(value, *percentile_interval(drawn[0] - drawn[1], confidence))
