"""The values a quality measure can take: intervals never leave them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import InputError

__all__ = ["bounded_ends", "check_support", "support_in_words"]

EPSILON = float(np.finfo(np.float64).eps)


def check_support(support: tuple[float, float]) -> None:
    """Refuse a support that is not a pair of increasing numbers."""
    if len(support) != 2 or not support[0] < support[1]:
        raise InputError(
            "support as (low, high) with low < high",
            support,
            "give (0, 1) for Dice, (0, inf) for a distance",
        )


def support_in_words(low: float, high: float) -> str:
    """Write a support as an interval; an infinite end is open.

    Examples
    --------
    >>> support_in_words(0.0, 1.0), support_in_words(0.0, np.inf)
    ('[0, 1]', '[0, inf)')
    """
    return f"{'[' if math.isfinite(low) else '('}{low:g}, {high:g}{']' if high < np.inf else ')'}"


def bounded_ends(
    below: NDArray[np.float64],
    above: NDArray[np.float64],
    quantile: NDArray[np.float64] | float,
    scale: NDArray[np.float64] | float,
    support: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``below - quantile * scale`` and ``above + quantile * scale`` inside the support.

    Parameters
    ----------
    below, above : ndarray of float64, shape (cases,)
        What the two ends start from; the same array for an interval around one prediction.
    quantile : ndarray of float64, shape (cases,), or float
        Calibrated nonconformity; inf gives the whole support, negative ones draw the ends in.
    scale : ndarray of float64, shape (cases,), or float
        Positive.
    support : tuple of float
        Closed where finite.

    Notes
    -----
    Guarantee: none by itself; clipping to the support loses no true value.

    Examples
    --------
    >>> low, high = bounded_ends(np.array([0.8]), np.array([0.8]), 0.3, 1.0, (0.0, 1.0))
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.5], [1.0])
    """
    # rounding must not lose a case that lies exactly on an end, as ties and constants do
    with np.errstate(over="ignore"):  # what is too large for a number ends at the support
        margin = (quantile + 4.0 * EPSILON * np.abs(quantile)) * scale
        low, high = below - margin, above + margin
    return np.clip(low, *support, out=low), np.clip(high, *support, out=high)
