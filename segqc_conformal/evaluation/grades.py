"""Agreement of two raters who give grades: weighted kappa and Krippendorff's alpha."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.weighted_sample import Values, WeightedSample

__all__ = ["krippendorff_alpha", "weighted_kappa"]

POWERS = {"linear": 1, "quadratic": 2}
LEVELS = ("ordinal", "interval", "nominal")


def weighted_kappa(
    grade: ArrayLike,
    reference: ArrayLike,
    counts: ArrayLike | None = None,
    weighting: str = "quadratic",
) -> Values:
    """Return Cohen's weighted kappa of two raters.

    Parameters
    ----------
    grade, reference : array_like of float, shape (cases,)
        Grades; their order counts, and the steps between the grades that occur are taken as equal.
    counts : array_like of int, shape (replicates, cases) or (cases,), optional
        How often each case counts (see `patient_counts`).
    weighting : {"quadratic", "linear"}
        Power of the distance of two grades.

    Returns
    -------
    float or ndarray of float64, shape (replicates,)
        1 for perfect agreement, 0 for that of chance; NaN where all grades are one.

    Raises
    ------
    InputError
        For no cases, unequal lengths, NaN or another weighting.

    Notes
    -----
    Guarantee: none. Source: Cohen, Psychol. Bull. 70 (1968) 213-220.

    Examples
    --------
    >>> weighted_kappa([1, 2, 3], [1, 2, 3]), weighted_kappa([1, 1, 2, 2], [1, 2, 1, 2])
    (1.0, 0.0)
    """
    if weighting not in POWERS:
        raise InputError(f"weighting one of {tuple(POWERS)}", repr(weighting), "choose one")
    sample, table, _ = _crossed(grade, reference, counts)
    place = np.arange(table.shape[-1])
    distance = np.abs(place[:, None] - place).astype(np.float64) ** POWERS[weighting]
    rows, columns = table.sum(axis=2), table.sum(axis=1)
    chance = np.einsum("ri,ij,rj->r", rows, distance, columns) / sample.total
    return sample.answer(_agreement((table * distance).sum(axis=(1, 2)), chance))


def krippendorff_alpha(
    grade: ArrayLike,
    reference: ArrayLike,
    counts: ArrayLike | None = None,
    level: str = "ordinal",
) -> Values:
    """Return Krippendorff's alpha of two raters without missing grades.

    Parameters, range and errors are those of `weighted_kappa`; `level` is "ordinal", "interval" or
    "nominal".

    Notes
    -----
    Guarantee: none. Source: Krippendorff, Content Analysis (2004), chapter 11.

    Examples
    --------
    >>> krippendorff_alpha([1, 2, 3], [1, 2, 3])
    1.0
    """
    if level not in LEVELS:
        raise InputError(f"level one of {LEVELS}", repr(level), "choose one")
    sample, table, values = _crossed(grade, reference, counts)
    coincidences = table + table.transpose(0, 2, 1)
    occurrences = coincidences.sum(axis=2)
    place = np.broadcast_to(values, occurrences.shape)
    if level == "ordinal":
        place = np.cumsum(occurrences, axis=1) - occurrences / 2.0
    distance = (place[:, :, None] - place[:, None, :]) ** 2
    if level == "nominal":
        distance = (distance > 0.0).astype(np.float64)
    chance = np.einsum("ri,rij,rj->r", occurrences, distance, occurrences)
    expected = chance / (2.0 * sample.total - 1.0)
    return sample.answer(_agreement((coincidences * distance).sum(axis=(1, 2)), expected))


def _crossed(
    grade: ArrayLike, reference: ArrayLike, counts: ArrayLike | None
) -> tuple[WeightedSample, NDArray[np.float64], NDArray[np.float64]]:
    """Return how often each pair of grades occurs, (replicates, grades, grades), and the grades."""
    sample = WeightedSample.of(grade, reference, counts, target_in=(-np.inf, np.inf))
    values, place = np.unique(np.stack([sample.score, sample.target]), return_inverse=True)
    place, size = place.reshape(2, -1), values.size
    pairs = np.eye(size * size)[place[0] * size + place[1]]
    return sample, (sample.counts @ pairs).reshape(-1, size, size), values


def _agreement(observed: NDArray[np.float64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
    nothing = np.full(chance.shape, np.nan)
    return np.asarray(1.0 - np.divide(observed, chance, out=nothing, where=chance > 0.0))
