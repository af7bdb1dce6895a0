"""A review simulated where the reference masks are known: how soon the errors are found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["ReviewCurve", "perfect_curve", "random_curve", "review_curve", "time_saved"]


@dataclass(frozen=True, eq=False)
class ReviewCurve:
    """How much of the errors is found, by how much was looked at.

    Parameters
    ----------
    looked : ndarray, shape ``(items + 1,)``
        Share of the listed slices, patches or regions looked at, from 0 to 1.
    found : ndarray, shape ``(items + 1,)``
        Share of all errors found, from 0 to at most 1: what no item on the list holds is not found.

    Notes
    -----
    Guarantee: none.
    """

    looked: NDArray[np.float64]
    found: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Area under the curve, in [0, 1]; one half for a random order of a list of all errors."""
        return float(np.trapezoid(self.found, self.looked))

    def found_at(self, looked: float) -> float:
        """Share of the errors found when this share was looked at; straight between items."""
        return float(np.interp(looked, self.looked, self.found))

    def looked_for(self, found: float) -> float:
        """Share to look at until this share of the errors is found; NaN if it never is."""
        reached = np.flatnonzero(self.found >= found - 1e-12)
        if not reached.size:
            return float("nan")
        i = reached[0]
        if i == 0:
            return 0.0
        step = (found - self.found[i - 1]) / (self.found[i] - self.found[i - 1])
        return float(self.looked[i - 1] + step * (self.looked[i] - self.looked[i - 1]))


def review_curve(
    errors: ArrayLike, unlisted: float = 0.0, counts: ArrayLike | None = None
) -> ReviewCurve:
    """Return the curve of items looked at in the order given.

    Parameters
    ----------
    errors : array_like, shape ``(items,)``
        What is wrong with each item, >= 0, the first to look at first: a volume, or 1 for an item
        that is wrong and 0 for others.
    unlisted : float, >= 0
        Errors that no item holds.
    counts : array_like of int, shape ``(items,)``, optional
        How often each item counts, for a bootstrap by patient; None: once.

    Returns
    -------
    ReviewCurve

    Raises
    ------
    InputError
        For no items, errors < 0 or not finite, or no error at all: then there is nothing to find.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> curve = review_curve([3.0, 0.0, 1.0, 0.0])
    >>> curve.found_at(0.25), curve.looked_for(1.0), curve.area
    (0.75, 0.75, 0.75)
    """
    values = np.asarray(errors, dtype=np.float64)
    weights = np.ones(len(values)) if counts is None else np.asarray(counts, dtype=np.float64)
    found = np.concatenate([[0.0], np.cumsum(weights * values)])
    total = found[-1] + unlisted
    if not len(values) or not np.isfinite(total) or values.min() < 0.0 or unlisted < 0.0:
        raise InputError("items with errors >= 0", errors, "give one number for each item")
    if total <= 0.0:
        raise InputError("at least one error to find", "none", "give cases with errors")
    looked = np.concatenate([[0.0], np.cumsum(weights)])
    return ReviewCurve(looked / looked[-1], found / total)


def random_curve(errors: ArrayLike, unlisted: float = 0.0) -> ReviewCurve:
    """Return the curve expected of a random order, all orders equally likely: a straight line.

    Examples
    --------
    >>> random_curve([3.0, 0.0, 1.0, 0.0]).found_at(0.25)
    0.25
    """
    whole = review_curve(errors, unlisted)
    return ReviewCurve(whole.looked, whole.looked * whole.found[-1])


def perfect_curve(errors: ArrayLike, unlisted: float = 0.0) -> ReviewCurve:
    """Return the curve of the best order there is: the largest error first.

    Examples
    --------
    >>> perfect_curve([0.0, 1.0, 3.0, 0.0]).found_at(0.25)
    0.75
    """
    return review_curve(np.sort(np.asarray(errors, dtype=np.float64))[::-1], unlisted)


def time_saved(curve: ReviewCurve, other: ReviewCurve, found: float) -> float:
    """Return the share of looks that an order saves against another, at equal errors found.

    Examples
    --------
    >>> in_volume_order = review_curve([0.0, 1.0, 0.0, 3.0])
    >>> time_saved(review_curve([3.0, 1.0, 0.0, 0.0]), in_volume_order, found=1.0)
    0.5
    """
    needed = other.looked_for(found)
    return 1.0 - curve.looked_for(found) / needed if needed else float("nan")
