"""How wide intervals would probably be, from patients that do not calibrate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.nonconformity import residual

__all__ = ["LikelyWidth", "likely_width"]

RESAMPLINGS = 200


@dataclass(frozen=True)
class LikelyWidth:
    """Mean width of the intervals, over calibrations; 5 and 95 of 100 have less than `low`, `high`.

    Notes
    -----
    Guarantee: none; a forecast.
    """

    mean: float
    low: float
    high: float


def likely_width(
    predicted: NDArray[np.float64],
    dice: NDArray[np.float64],
    scale: NDArray[np.float64],
    patients: int,
    miscoverage: float,
    confidence: float | None = None,
    side: str = "two-sided",
    seed: int = 0,
) -> LikelyWidth:
    """Forecast the mean width that a calibration would give.

    Parameters
    ----------
    predicted, dice, scale : ndarray of float64, shape (tuning patients,)
        Out-of-fold predictions and their scale, and true Dice.
    patients : int
        Calibration patients to come, >= 0.
    miscoverage, confidence, side
        As in `DiceInterval`.
    seed : int
        Of 200 resamplings of the tuning patients to the number of calibration patients.

    Returns
    -------
    LikelyWidth
        1 where patients are too few for any interval but [0, 1].

    Notes
    -----
    Guarantee: none; a forecast.

    Examples
    --------
    >>> predicted, error = np.linspace(0.4, 0.8, 50), np.tile([-0.1, 0.1], 25)
    >>> likely_width(predicted, predicted + error, np.ones(50), 60, 0.1)
    LikelyWidth(mean=0.2, low=0.2, high=0.2)
    """
    rank = interval_rank(patients, miscoverage, confidence)
    if rank is None or predicted.size == 0:
        return LikelyWidth(1.0, 1.0, 1.0)
    rng = np.random.default_rng(seed)
    nonconformity = residual(predicted, dice, side, scale)
    drawn = nonconformity[rng.integers(0, predicted.size, (RESAMPLINGS, patients))]
    quantiles = np.partition(drawn, rank - 1, axis=1)[:, rank - 1]
    widths = []
    for quantile in quantiles:
        certificate = IntervalCertificate(miscoverage, side, confidence, patients, float(quantile))
        low, high = certificate.interval(predicted, scale)
        widths.append((high - low).mean())
    ends = np.quantile(widths, [0.05, 0.95])
    return LikelyWidth(*(round(float(end), 9) for end in (np.mean(widths), *ends)))
