"""Li et al. (2025): UCM, ESCE and HDice, rebuilt from a summary; the formulas are not public."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.probability_error import BINS, ece
from segqc_conformal.evaluation.weighted_sample import Values, WeightedSample

__all__ = ["esce_reconstruction", "hdice_reconstruction", "ucm_reconstruction"]

UNIT = (0.0, 1.0)


def ucm_reconstruction(right: ArrayLike, wrong: ArrayLike) -> float:
    """Pixel level: how far the uncertainty of wrong voxels lies from that of right ones.

    Parameters
    ----------
    right, wrong : array_like of int, shape (bins,)
        Histograms of the uncertainty of right and wrong voxels, over the same bins.

    Returns
    -------
    float
        ``1 - sum of min(f_right, f_wrong)`` over densities f: 0 for the same densities, 1 for
        densities apart. NaN without right or without wrong voxels.

    Raises
    ------
    InputError
        For histograms of different lengths.

    Notes
    -----
    A reconstruction. Biased upwards for few wrong voxels, by about
    ``0.4 * sqrt(bins / wrong voxels)``. Guarantee: none.

    Examples
    --------
    >>> ucm_reconstruction([8, 2], [1, 9]).__round__(3)
    0.7
    """
    densities = [np.asarray(counts, dtype=np.float64) for counts in (right, wrong)]
    if densities[0].shape != densities[1].shape or densities[0].ndim != 1:
        shapes = [density.shape for density in densities]
        raise InputError("two histograms over the same bins", shapes, "count both alike")
    if not all(density.any() for density in densities):
        return float("nan")
    return float(1.0 - np.minimum(*(density / density.sum() for density in densities)).sum())


def esce_reconstruction(
    predicted: ArrayLike, dice: ArrayLike, counts: ArrayLike | None = None, bins: int = BINS
) -> Values:
    """Sample level: calibration error of predicted Dice, 0 is best.

    Parameters
    ----------
    predicted, dice : array_like of float, shape (cases,)
        Predicted and true Dice in [0, 1].
    counts : array_like of int, shape (replicates, cases) or (cases,), optional
        How often each case counts (see `patient_counts`).
    bins : int
        Of equal width, over predicted Dice.

    Returns
    -------
    float or ndarray of float64, shape (replicates,)

    Notes
    -----
    A reconstruction: ``sum over bins of share x |mean Dice - mean predicted Dice|``, which is `ece`
    with the Dice in the place of the label; biased upwards as that is. Guarantee: none.

    Examples
    --------
    >>> esce_reconstruction([0.9, 0.9], [0.7, 0.9]).__round__(3)
    0.1
    """
    return ece(predicted, dice, counts, bins)


def hdice_reconstruction(
    predicted: ArrayLike, dice: ArrayLike, counts: ArrayLike | None = None
) -> Values:
    """Model level: harmonic mean of the mean Dice and of how right the predicted Dice is.

    Parameters are those of `esce_reconstruction`.

    Returns
    -------
    float or ndarray of float64, shape (replicates,)
        In [0, 1], higher is better: high only for a model that is good and knows when it is not.

    Notes
    -----
    A reconstruction: ``2 D Q / (D + Q)`` with D the mean Dice and Q = 1 - ESCE. Guarantee: none.

    Examples
    --------
    >>> hdice_reconstruction([0.8, 0.8], [0.8, 0.8]).__round__(4)
    0.8889
    """
    sample = WeightedSample.of(predicted, dice, counts, score_in=UNIT)
    known = 1.0 - np.asarray(ece(sample.score, sample.target, sample.counts))
    good = sample.mean(sample.target)
    return sample.answer(_harmonic_mean(good, known))


def _harmonic_mean(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(2.0 * a * b, a + b, out=np.zeros_like(a), where=a + b > 0.0)
