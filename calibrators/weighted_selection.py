"""Weighted conformal selection (WCS): a batch of a shifted population, deterministic pruning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.weighted_quantile import ROUNDING

__all__ = ["weighted_selection"]

ROWS = 512  # cases whose auxiliary p-values are held in memory at once


def weighted_selection(
    bad_scores: NDArray[np.float64],
    bad_weights: NDArray[np.float64],
    total_weight: float,
    scores: NDArray[np.float64],
    weights: NDArray[np.float64],
    level: float,
) -> NDArray[np.bool_]:
    """Return which cases of a batch are selected.

    Parameters
    ----------
    bad_scores, bad_weights : ndarray of float64, shape (bad,)
        Of the bad calibration patients, highest score first.
    total_weight : float
        Of all calibration patients.
    scores, weights : ndarray of float64, shape (cases,)
        Of the batch; a case of score -inf is never selected.
    level : float
        q in (0, 1).

    Returns
    -------
    ndarray of bool, shape (cases,)

    Notes
    -----
    Guarantee: with weights proportional to the density ratio, E[bad selected / max(1, selected)]
    <= q. Plain Benjamini-Hochberg on weighted p-values has no such theorem.
    Source: Jin and Candes, arXiv 2307.09291, weighted conformal selection, deterministic pruning;
    ties count against a case. Sorting once makes it O(cases^2) instead of O(cases^2 calibration).

    Examples
    --------
    >>> weighted_selection(np.array([0.2]), np.ones(1), 99.0, np.array([0.9, 0.1, 0.5]),
    ...                    np.ones(3), 0.1).tolist()
    [True, True, True]
    """
    order = np.argsort(-scores, kind="stable")
    ranked, own = scores[order], weights[order]
    cumulated = np.concatenate([[0.0], np.cumsum(bad_weights)])
    # weight of bad calibration patients at or above each score
    above = cumulated[np.searchsorted(-bad_scores, -ranked, side="right")]
    m = scores.size
    with np.errstate(invalid="ignore", divide="ignore"):
        p_values = (above + own) / (total_weight + own)
    # no set is larger than the batch, so only p-values up to q can be in one
    able = np.flatnonzero((p_values <= level * (1.0 + ROUNDING)) & (ranked > -np.inf))
    sizes = np.zeros(m, dtype=np.int64)
    sizes[able] = _selection_sizes(able, above, ranked, own, total_weight, level)
    first = (sizes > 0) & (p_values <= level * sizes / max(m, 1) * (1.0 + ROUNDING))
    # pruning: the largest r for which at least r cases have a selection size of at most r
    counts = np.bincount(sizes[first], minlength=m + 1).cumsum()
    enough = np.flatnonzero(counts >= np.arange(m + 1))
    chosen = np.zeros(m, dtype=bool)
    chosen[order] = first & (sizes <= enough[-1])
    return chosen


def _selection_sizes(
    cases: NDArray[np.intp],
    above: NDArray[np.float64],
    ranked: NDArray[np.float64],
    own: NDArray[np.float64],
    total_weight: float,
    level: float,
) -> NDArray[np.int64]:
    """Size of the Benjamini-Hochberg set for each case j, with p_j = 0 and j among calibration."""
    m = ranked.size
    place = np.arange(m)
    # the first place of each score: cases from there on have a score <= it
    from_place = np.searchsorted(-ranked, -ranked, side="left")
    sizes = []
    for begin in range(0, cases.size, ROWS):
        j = cases[begin : begin + ROWS, None]
        # p_j = 0 comes first; the others keep their order
        position = np.where(place < j, place + 2, place + 1)
        weight = above + np.where(place >= from_place[j], own[j], 0.0)
        limit = level * position * (total_weight + own[j]) / m * (1.0 + ROUNDING)
        passed = (weight <= limit) & (place != j) & (ranked > -np.inf)
        sizes.append(np.where(passed, position, 1).max(axis=1))
    return np.concatenate([np.empty(0, dtype=np.int64), *sizes])
