"""Risk against coverage: what a ranking of cases by accept score is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["RiskCoverage", "risk_coverage"]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk among the accepted cases, by the share accepted.

    Parameters
    ----------
    coverage : ndarray of float64, shape (cases,)
        Share accepted: 1/n, 2/n, ..., 1.
    bad_share : ndarray of float64, shape (cases,)
        Share of the accepted cases with Dice <= threshold.
    mean_loss : ndarray of float64, shape (cases,)
        Mean of 1 - Dice over the accepted cases.
    score : ndarray of float64, shape (cases,)
        Accept score of the last case accepted.

    Notes
    -----
    Guarantee: none (a description of the cases given).
    """

    coverage: NDArray[np.float64]
    bad_share: NDArray[np.float64]
    mean_loss: NDArray[np.float64]
    score: NDArray[np.float64]


def risk_coverage(score: ArrayLike, dice: ArrayLike, dice_threshold: float = 0.8) -> RiskCoverage:
    """Return the risk among the k best-scored cases, for every k.

    Parameters
    ----------
    score : array_like of float, shape (cases,)
        Higher is accepted earlier; -inf is allowed, NaN is not.
    dice : array_like of float, shape (cases,)
        True Dice in [0, 1].
    dice_threshold : float
        A case is bad if its Dice is <= this.

    Returns
    -------
    RiskCoverage

    Raises
    ------
    InputError
        For no cases, unequal lengths, NaN scores or Dice outside [0, 1].

    Notes
    -----
    Cases of equal score share the mean risk of their group, so the order of the rows never
    matters. Guarantee: none (a description of these cases).
    Source: Geifman and El-Yaniv, NeurIPS 2017; the tie rule is the expectation over orders.

    Examples
    --------
    >>> curve = risk_coverage([3, 2, 2, 1], [0.9, 0.9, 0.7, 0.5])
    >>> curve.coverage.tolist(), curve.bad_share.round(3).tolist()
    ([0.25, 0.5, 0.75, 1.0], [0.0, 0.25, 0.333, 0.5])
    """
    scores, values = _checked(score, dice)
    order = np.argsort(-scores, kind="stable")
    scores, values = scores[order], values[order]
    accepted = np.arange(1, scores.size + 1)
    return RiskCoverage(
        coverage=accepted / scores.size,
        bad_share=np.cumsum(_tie_means(scores, values <= dice_threshold)) / accepted,
        mean_loss=np.cumsum(_tie_means(scores, 1.0 - values)) / accepted,
        score=scores,
    )


def _checked(
    score: ArrayLike, values: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scores = np.asarray(score, dtype=np.float64)
    numbers = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or scores.shape != numbers.shape or scores.size == 0:
        raise InputError(
            "one score and one Dice (or loss) for each of at least one case",
            f"shapes {scores.shape} and {numbers.shape}",
            "give arrays of equal length",
        )
    if np.isnan(scores).any():
        raise InputError("scores without NaN", "NaN", "use -inf for cases never accepted")
    if not ((numbers >= 0.0) & (numbers <= 1.0)).all():
        raise InputError("Dice (or loss) in [0, 1]", "values outside or NaN", "repair them")
    return scores, numbers


def _tie_means(
    sorted_scores: NDArray[np.float64], values: NDArray[np.generic]
) -> NDArray[np.float64]:
    _, group, size = np.unique(-sorted_scores, return_inverse=True, return_counts=True)
    means = np.bincount(group, weights=values.astype(np.float64)) / size
    return np.asarray(means[group])
