"""The thresholds of regions that are tested, in order, chosen on the fit patients alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.planning import likely_chance
from segqc_conformal.review.harm_threshold import HarmThreshold
from segqc_conformal.review.merged_outcome import ScoredRegions

__all__ = ["harm_grid"]

SIZE = 50
NEARLY = 0.95  # of the best chance of a certificate


def harm_grid(
    tuning: ScoredRegions, calibration_patients: int, settings: HarmThreshold
) -> NDArray[np.float64]:
    """Choose start and end of the test sequence from out-of-fold scores of the fit patients.

    Parameters
    ----------
    tuning : ScoredRegions
        Of the fit patients.
    calibration_patients : int
        Number of calibration patients with a differing region (a count, no label).
    settings : HarmThreshold

    Returns
    -------
    ndarray of float64, shape (<= 50,)
        Strict to loose; empty without fit or calibration patients. The last is where the
        mean change of Dice of the fit patients is largest: to accept more would cost Dice. The
        first is the loosest of those up to it whose chance of a certificate is 0.95 of the best
        one's.

    Notes
    -----
    Guarantee: none by itself; fixed before calibration labels are seen, which `HarmThreshold`
    needs.

    Examples
    --------
    >>> from segqc_conformal.review.merged_outcome import ScoredRegions
    >>> one, sides = np.arange(100), np.zeros(200)
    >>> gain = np.r_[np.where(one < 60, -0.1, 0.1), np.zeros(100)]
    >>> tuning = ScoredRegions(one / 100, one, np.tile(one, 2), gain, sides, ("a",))
    >>> harm_grid(tuning, 100, HarmThreshold()).round(2).tolist()
    [0.61]
    """
    finite = tuning.scores[np.isfinite(tuning.scores)]
    if finite.size == 0 or calibration_patients == 0:
        return np.empty(0)
    # equal steps on a logarithmic scale: a few regions of each patient matter most
    shares = np.geomspace(1.0 / finite.size, 1.0, SIZE)
    tried = np.unique(np.quantile(finite, 1.0 - shares, method="higher"))[::-1]
    mean_change = [tuning.changes(threshold).mean() for threshold in tried]
    tried = tried[: int(np.argmax(mean_change)) + 1]
    accepted, harmed = tuning.counts(tried, settings.allowed_fall)
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
