"""How well a score tells good masks from bad ones: AUROC, AUPR and FPR at a given TPR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.weighted_sample import Values, WeightedSample, tied_groups

__all__ = ["aupr", "auroc", "fpr_at_tpr"]


def auroc(score: ArrayLike, good: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the probability that a good case scores above a bad one; ties count one half.

    Parameters
    ----------
    score : array_like of float, shape (cases,)
        Higher for good cases; -inf is allowed, NaN is not.
    good : array_like of bool, shape (cases,)
        Dice > threshold.
    counts : array_like of int, shape (replicates, cases) or (cases,), optional
        How often each case counts (see `patient_counts`).

    Returns
    -------
    float or ndarray of float64, shape (replicates,)
        In [0, 1]; NaN without a good or without a bad case.

    Raises
    ------
    InputError
        For no cases, unequal lengths or NaN.

    Notes
    -----
    The Mann-Whitney statistic. Guarantee: none.

    Examples
    --------
    >>> auroc([0.9, 0.5, 0.5, 0.1], [True, True, False, False])
    0.875
    """
    sample = WeightedSample.of(score, good, counts)
    hits, alarms = _hits_and_alarms(sample)
    total_hits, total_alarms = hits.sum(axis=1), alarms.sum(axis=1)
    below = total_alarms[:, None] - np.cumsum(alarms, axis=1) + alarms / 2.0
    return sample.answer(_ratio((hits * below).sum(axis=1), total_hits * total_alarms))


def aupr(
    score: ArrayLike, good: ArrayLike, counts: ArrayLike | None = None, of: str = "good"
) -> Values:
    """Return the average precision in finding good cases, or bad ones.

    Parameters are those of `auroc`; `of` is "good" (by high scores) or "bad" (by low ones).

    Notes
    -----
    ``sum over thresholds of (recall_k - recall_(k-1)) precision_k``, without interpolation; NaN
    without a case to find. A useless score gives about their share. Guarantee: none.

    Examples
    --------
    >>> aupr([0.9, 0.5, 0.1], [True, False, True])
    0.8333333333333333
    >>> aupr([0.9, 0.5, 0.1], [True, False, True], of="bad")
    0.5
    """
    if of not in ("good", "bad"):
        raise InputError('of = "good" or "bad"', repr(of), "choose one")
    sample = WeightedSample.of(score, good, counts)
    if of == "bad":
        sample = replace(sample, score=-sample.score, target=1.0 - sample.target)
    hits, alarms = _hits_and_alarms(sample)
    found = np.cumsum(hits, axis=1)
    precision = _ratio(found, found + np.cumsum(alarms, axis=1))
    gains = np.where(hits > 0.0, hits * precision, 0.0)
    return sample.answer(_ratio(gains.sum(axis=1), hits.sum(axis=1)))


def fpr_at_tpr(
    score: ArrayLike, good: ArrayLike, counts: ArrayLike | None = None, tpr: float = 0.95
) -> Values:
    """Return the share of bad cases above the strictest threshold that keeps most good ones.

    Parameters are those of `auroc`; `tpr` is the share of good cases to keep.

    Notes
    -----
    Lower is better; NaN without a good or without a bad case. Guarantee: none.

    Examples
    --------
    >>> fpr_at_tpr([0.9, 0.8, 0.7, 0.1], [True, False, True, False])
    0.5
    """
    sample = WeightedSample.of(score, good, counts)
    hits, alarms = _hits_and_alarms(sample)
    # counts are whole: the small number only undoes the rounding of the product
    enough = np.cumsum(hits, axis=1) >= tpr * hits.sum(axis=1, keepdims=True) - 1e-9
    raised = np.take_along_axis(np.cumsum(alarms, axis=1), enough.argmax(axis=1)[:, None], axis=1)
    defined = hits.any(axis=1)
    return sample.answer(np.where(defined, _ratio(raised[:, 0], alarms.sum(axis=1)), np.nan))


def _hits_and_alarms(
    sample: WeightedSample,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how many good and bad cases each group of tied scores holds, best score first."""
    groups = tied_groups(sample.score, sample.counts)
    hits = groups.sums(sample.target)
    return hits, groups.size - hits


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    nothing = np.full(np.shape(part), np.nan)
    return np.asarray(np.divide(part, whole, out=nothing, where=whole > 0.0))
