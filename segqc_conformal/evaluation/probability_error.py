"""How good predicted probabilities are: Brier, NLL and two calibration errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.evaluation.weighted_sample import Values, WeightedSample, tied_groups

__all__ = ["ace", "brier", "ece", "nll"]

UNIT = (0.0, 1.0)
BINS = 20


def brier(probability: ArrayLike, good: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the mean squared distance of a probability from what came true.

    Parameters
    ----------
    probability : array_like of float, shape (cases,)
        Predicted P(Dice > threshold), in [0, 1].
    good : array_like of bool, shape (cases,)
        Whether Dice > threshold.
    counts : array_like of int, shape (replicates, cases) or (cases,), optional
        How often each case counts (see `patient_counts`).

    Returns
    -------
    float or ndarray of float64, shape (replicates,)
        In [0, 1], lower is better.

    Raises
    ------
    InputError
        For no cases, unequal lengths, NaN or values outside [0, 1].

    Notes
    -----
    Guarantee: none. Source: Brier, Mon. Weather Rev. 78 (1950) 1-3 (of two classes, counted once).

    Examples
    --------
    >>> brier([1.0, 0.5], [True, True])
    0.125
    """
    sample = WeightedSample.of(probability, good, counts, score_in=UNIT)
    return sample.answer(sample.mean((sample.score - sample.target) ** 2))


def nll(probability: ArrayLike, good: ArrayLike, counts: ArrayLike | None = None) -> Values:
    """Return the mean negative log-likelihood in nats; parameters as for `brier`.

    Notes
    -----
    Probabilities count as at least 2.2e-16 and at most 1 - 2.2e-16, so a sure error costs 36 nats.
    Guarantee: none.

    Examples
    --------
    >>> round(nll([0.5, 0.5], [True, False]), 4)
    0.6931
    """
    sample = WeightedSample.of(probability, good, counts, score_in=UNIT)
    edge = np.finfo(np.float64).eps
    p = np.clip(sample.score, edge, 1.0 - edge)
    loss = -(sample.target * np.log(p) + (1.0 - sample.target) * np.log1p(-p))
    return sample.answer(sample.mean(loss))


def ece(
    probability: ArrayLike, good: ArrayLike, counts: ArrayLike | None = None, bins: int = BINS
) -> Values:
    """Return the expected calibration error over bins of equal width.

    Parameters are those of `brier`; `good` may be any value in [0, 1].

    Notes
    -----
    ``sum over bins of share x |mean predicted - mean true|``; a bin holds its lower edge, the last
    one also 1. Biased upwards with few cases, for resampled cases twice: compare methods on the
    same cases, and no figure with 0. Of an uncertainty in [0, 1], with wrong in the place of good,
    it is the uncertainty calibration error (UCE) of DEviS (Zou et al. 2025). Guarantee: none.
    Source: Naeini et al., AAAI 2015.

    Examples
    --------
    >>> ece([0.8, 0.8, 0.8, 0.8], [True, True, True, False]).__round__(3)
    0.05
    """
    sample = WeightedSample.of(probability, good, counts, score_in=UNIT)
    place = np.minimum((sample.score * bins).astype(np.intp), bins - 1)
    return sample.answer(_gaps(sample, np.broadcast_to(place, sample.counts.shape), bins))


def ace(
    probability: ArrayLike, good: ArrayLike, counts: ArrayLike | None = None, bins: int = BINS
) -> Values:
    """Return the adaptive calibration error: bins that hold equal numbers of cases.

    Parameters are those of `ece`.

    Notes
    -----
    A case's bin follows from its mid-rank, so equal probabilities are never parted and the order
    of the rows never matters. Bias as of `ece`. Guarantee: none. Source: after Nixon et al., CVPR
    workshops 2019 (weighted by cases, one class).

    Examples
    --------
    >>> ace([0.1, 0.9], [False, True], bins=2).__round__(3)
    0.1
    """
    sample = WeightedSample.of(probability, good, counts, score_in=UNIT)
    ranks = tied_groups(sample.score, sample.counts).ranks
    place = ((ranks - 0.5) / sample.total[:, None] * bins).astype(np.intp)
    return sample.answer(_gaps(sample, np.clip(place, 0, bins - 1), bins))


def _gaps(sample: WeightedSample, place: NDArray[np.intp], bins: int) -> NDArray[np.float64]:
    off = sample.counts * (sample.score - sample.target)
    sums = [np.abs(np.where(place == which, off, 0.0).sum(axis=1)) for which in range(bins)]
    return np.asarray(np.sum(sums, axis=0) / sample.total)
