"""How close predicted Dice is to true Dice, and how they go together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.evaluation.weighted_sample import Values, WeightedSample, tied_groups

__all__ = ["mae", "pearson", "r2", "rmse", "spearman"]

ANY = (-np.inf, np.inf)


def mae(predicted: ArrayLike, true: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the mean absolute error.

    Parameters
    ----------
    predicted, true : array_like of float, shape (cases,)
        In one unit, finite.
    counts : array_like of int, shape (replicates, cases) or (cases,), optional
        How often each case counts (see `patient_counts`).

    Returns
    -------
    float or ndarray of float64, shape (replicates,)

    Raises
    ------
    InputError
        For no cases, unequal lengths or NaN.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> mae([0.5, 1.0], [1.0, 1.0])
    0.25
    """
    sample = WeightedSample.of(predicted, true, counts, target_in=ANY)
    return sample.answer(sample.mean(np.abs(sample.score - sample.target)))


def rmse(predicted: ArrayLike, true: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the root of the mean squared error; parameters as for `mae`.

    Examples
    --------
    >>> rmse([0.0, 1.0], [1.0, 1.0])
    0.7071067811865476
    """
    sample = WeightedSample.of(predicted, true, counts, target_in=ANY)
    return sample.answer(np.sqrt(sample.mean((sample.score - sample.target) ** 2)))


def r2(predicted: ArrayLike, true: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the share of the variance of `true` that is explained; parameters as for `mae`.

    Notes
    -----
    ``1 - squared error / squared distance from the mean``: not the square of a correlation, below
    0 for predictions worse than the mean; NaN where `true` is constant. Guarantee: none.

    Examples
    --------
    >>> r2([0.0, 1.0], [0.0, 1.0]), r2([0.5, 0.5], [0.0, 1.0])
    (1.0, 0.0)
    """
    sample = WeightedSample.of(predicted, true, counts, target_in=ANY)
    centred = sample.target - sample.target.mean()
    error = sample.mean((sample.score - sample.target) ** 2)
    spread = sample.mean(centred**2) - sample.mean(centred) ** 2
    varies = tied_groups(sample.target, sample.counts).varies
    share = np.divide(error, spread, out=np.full(error.shape, np.nan), where=varies)
    return sample.answer(1.0 - share)


def pearson(score: ArrayLike, true: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the linear correlation; parameters as for `mae`; NaN where one is constant.

    Examples
    --------
    >>> round(pearson([1, 2, 3], [1, 2, 2]), 4)
    0.866
    """
    sample = WeightedSample.of(score, true, counts, target_in=ANY)
    values = (
        np.broadcast_to(v - v.mean(), sample.counts.shape) for v in (sample.score, sample.target)
    )
    return sample.answer(_correlation(sample, *values))


def spearman(score: ArrayLike, true: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the correlation of mid-ranks; parameters as for `mae`, and -inf is allowed.

    Examples
    --------
    >>> spearman([1, 20, 300], [0.1, 0.2, 0.3])
    1.0
    """
    sample = WeightedSample.of(score, true, counts, target_in=ANY)
    ranks = (tied_groups(v, sample.counts).ranks for v in (sample.score, sample.target))
    return sample.answer(_correlation(sample, *ranks))


def _correlation(
    sample: WeightedSample, a: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    share = sample.counts / sample.total[:, None]
    a, b = (v - (share * v).sum(axis=1, keepdims=True) for v in (a, b))
    product, aa, bb = (
        (share * left * right).sum(axis=1) for left, right in ((a, b), (a, a), (b, b))
    )
    varies = np.logical_and.reduce(
        [tied_groups(v, sample.counts).varies for v in (sample.score, sample.target)]
    )
    found = np.divide(product, np.sqrt(aa * bb), out=np.full(aa.shape, np.nan), where=varies)
    return np.asarray(np.clip(found, -1.0, 1.0))
