"""First-order statistics of values, weighted: their moments and the entropy of their histogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "histogram_entropy", "moments"]

BINS = 32


def moments(
    values: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """Mean, std, skewness and excess kurtosis (population forms) of at least one value.

    Skewness and kurtosis are 0 where all values are equal. Weights are > 0; None: ones.

    Examples
    --------
    >>> moments(np.array([0.0, 4.0]), np.array([3.0, 1.0]))["skewness"].__round__(4)
    1.1547
    """
    mean = np.average(values, weights=weights)
    apart = values - mean
    variance, third, fourth = (np.average(apart**n, weights=weights) for n in (2, 3, 4))
    spread = bool(variance > 1e-24 * max(1.0, float(mean) ** 2))
    return {
        "mean": float(mean),
        "std": float(np.sqrt(variance)),
        "skewness": float(third / variance**1.5) if spread else 0.0,
        "kurtosis": float(fourth / variance**2 - 3.0) if spread else 0.0,
    }


def histogram_entropy(
    values: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> float:
    """Entropy, in nats, of the histogram of values in `BINS` bins from smallest to largest.

    Examples
    --------
    >>> round(histogram_entropy(np.array([0.0, 1.0])), 4)
    0.6931
    """
    low, high = values.min(), values.max()
    if not high > low:
        return 0.0
    bins = np.minimum(((values - low) * (BINS / (high - low))).astype(np.int64), BINS - 1)
    held = np.bincount(bins, weights=weights)
    share = held[held > 0] / held.sum()
    return float(-(share * np.log(share)).sum())
