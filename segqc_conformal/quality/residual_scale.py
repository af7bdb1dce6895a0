"""The scale of a prediction: how large its error is expected to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ResidualScale", "residual_scale"]

OFFSET = 0.1  # of the median error, so that errors near 0 do not rule the logarithm


@dataclass(frozen=True)
class ResidualScale:
    """Expected absolute error as exp(intercept + slope * prediction), on the line of the link.

    Parameters
    ----------
    intercept, slope : float
    low, high : float
        Predictions beyond these are taken as these.

    Notes
    -----
    Guarantee: none by itself; a calibrator makes it right up to one factor.
    """

    intercept: float
    slope: float
    low: float
    high: float

    def of(self, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scale of each prediction, > 0."""
        inside = np.clip(predicted, self.low, self.high)
        return np.asarray(np.exp(self.intercept + self.slope * inside))


def residual_scale(predicted: NDArray[np.float64], errors: NDArray[np.float64]) -> ResidualScale:
    """Fit the scale to cross-fitted errors.

    Parameters
    ----------
    predicted : ndarray of float64, shape (rows,)
        Out of fold, on the line of the link.
    errors : ndarray of float64, shape (rows,)
        Absolute errors of the target.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> line = rng.normal(size=4_000)
    >>> scale = residual_scale(line, np.abs(rng.normal(size=4_000)) * np.exp(-0.5 * line))
    >>> round(scale.slope, 1)
    -0.4
    """
    typical = float(np.median(errors))
    if typical <= 0.0 or np.ptp(predicted) == 0.0:
        level = float(np.log(max(errors.mean(), 1e-6)))
        return ResidualScale(level, 0.0, float(predicted.min()), float(predicted.max()))
    slope, intercept = np.polyfit(predicted, np.log(errors + OFFSET * typical), 1)
    low, high = np.quantile(predicted, [0.01, 0.99])
    return ResidualScale(float(intercept), float(slope), float(low), float(high))
