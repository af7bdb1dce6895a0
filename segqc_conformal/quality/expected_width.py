"""The scale of a prediction, and the width that intervals with it are expected to have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["levels_around", "power_scale", "preferred_power", "widths_by_power"]

SMALLEST_SCALE = 0.005
POWERS = (0.5, 1.0, 0.0, 1.5)  # in the order of preference
AS_GOOD = 0.05  # share by which a preferred scale may be wider than the narrowest


def levels_around(miscoverage: float) -> NDArray[np.float64]:
    """Return the levels over which widths are averaged: that of one alone is noisy.

    Examples
    --------
    >>> levels_around(0.1).round(3).tolist()
    [0.95, 0.925, 0.9, 0.875, 0.85]
    """
    return np.clip(1.0 - miscoverage * np.array([0.5, 0.75, 1.0, 1.25, 1.5]), 0.0, 1.0)


def power_scale(predicted: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """Return ``(1 - predicted) ** power``, at least 0.005."""
    return np.asarray(np.maximum((1.0 - predicted) ** power, SMALLEST_SCALE))


def widths_by_power(
    dice: NDArray[np.float64], predicted: NDArray[np.float64], miscoverage: float
) -> dict[float, float]:
    """Return the mean width of intervals that hold `dice`, for each power of the scale.

    Parameters
    ----------
    dice, predicted : ndarray of float64, shape (rows,)
        Of fit patients, predicted out of fold.
    miscoverage : float
        The width is averaged over levels around that of this miscoverage.

    Returns
    -------
    dict of float to float
        In the order of preference.

    Notes
    -----
    Guarantee: none; what a calibration set will give is wider or narrower.

    Examples
    --------
    >>> dice = np.array([0.6, 0.7, 0.9])
    >>> widths_by_power(dice, np.full(3, 0.7), 0.1)[0.0].__round__(3)
    0.36
    """
    return {
        power: _width(dice, predicted, power_scale(predicted, power), miscoverage)
        for power in POWERS
    }


def _width(
    dice: NDArray[np.float64],
    predicted: NDArray[np.float64],
    scale: NDArray[np.float64],
    miscoverage: float,
) -> float:
    quantiles = np.quantile(np.abs(dice - predicted) / scale, levels_around(miscoverage))
    margin = quantiles[:, None] * scale
    width = np.clip(predicted + margin, 0.0, 1.0) - np.clip(predicted - margin, 0.0, 1.0)
    return float(width.mean())


def preferred_power(widths: dict[float, float]) -> float:
    """Return the first power whose width is within 5 % of the narrowest.

    Examples
    --------
    >>> preferred_power({0.5: 0.21, 1.0: 0.205, 0.0: 0.3}), preferred_power({0.5: 0.3, 1.0: 0.2})
    (0.5, 1.0)
    """
    # widths of few patients are noisy: the narrowest of many is narrowest partly by chance
    limit = min(widths.values()) * (1.0 + AS_GOOD)
    return next(power for power, width in widths.items() if width <= limit)
