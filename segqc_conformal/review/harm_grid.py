"""The thresholds of regions that are tested, in order, chosen on the fit patients alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.planning import likely_chance
from segqc_conformal.review.harm_threshold import HarmThreshold
from segqc_conformal.review.merged_outcome import ScoredGains

__all__ = ["harm_grid"]

SIZE = 50
NEARLY = 0.8  # of the best chance of a certificate


def harm_grid(
    tuning: ScoredGains, calibration_patients: int, settings: HarmThreshold
) -> NDArray[np.float64]:
    """Choose start and end of the test sequence from out-of-fold scores of the fit patients.

    Parameters
    ----------
    tuning : ScoredGains
        Of the fit patients.
    calibration_patients : int
        Number of calibration patients with a differing region (a count, no label).
    settings : HarmThreshold

    Returns
    -------
    ndarray of float64, shape (<= 50,)
        Strict to loose; empty without fit or calibration patients. The last is where the mean gain
        of the fit patients is largest: to accept more would cost Dice. The first is the loosest of
        those before it whose chance of a certificate is 0.8 of the best one's.

    Notes
    -----
    Guarantee: none by itself; fixed before calibration labels are seen, which `HarmThreshold`
    needs.

    Examples
    --------
    >>> from segqc_conformal.review.merged_outcome import ScoredGains
    >>> one, zero = np.arange(100), np.zeros(100)
    >>> gain = np.where(one < 60, -0.1, 0.1)
    >>> tuning = ScoredGains(one / 100, one, one, one, gain, zero, 1)
    >>> harm_grid(tuning, 100, HarmThreshold()).round(2).tolist()
    [0.6]
    """
    finite = tuning.scores[np.isfinite(tuning.scores)]
    if finite.size == 0 or calibration_patients == 0:
        return np.empty(0)
    tried = np.unique(np.quantile(finite, np.linspace(1.0, 0.0, SIZE), method="lower"))[::-1]
    mean_gain = [tuning.gains(threshold).sum(axis=1).mean() for threshold in tried]
    tried = tried[: int(np.argmax(mean_gain)) + 1]
    accepted, harmed = tuning.counts(tried)
    alpha, confidence = settings.tolerated_harm, settings.confidence
    chances = np.array(
        [
            likely_chance(
                calibration_patients, n / tuning.patient_count, int(n), int(k), alpha, confidence
            )
            for n, k in zip(accepted, harmed, strict=True)
        ]
    )
    start = int(np.flatnonzero(chances >= NEARLY * chances.max())[-1])
    return np.asarray(tried[start:])
