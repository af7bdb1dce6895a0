"""Which family of models: what the number of patients can carry, and the simplest that will do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["allowed_families", "chosen_family"]

# patients from which on a family is tried
FROM = {
    "linear": 0,
    "logistic": 0,
    "lasso": 0,
    "gaussian_process": 80,
    "forest": 80,
    "boosted": 300,
}
MOST_FOR_A_PROCESS = 1_000  # patients; its cost grows with their cube


def allowed_families(patients: int, *, probability: bool) -> tuple[str, ...]:
    """Return the families to try, simplest first.

    Examples
    --------
    >>> allowed_families(40, probability=False), allowed_families(4_000, probability=False)
    (('linear', 'lasso'), ('linear', 'lasso', 'forest', 'boosted'))
    """
    from segqc_conformal.quality.families import FAMILIES, PROBABILITY_FAMILIES

    return tuple(
        family
        for family in (PROBABILITY_FAMILIES if probability else FAMILIES)
        if patients >= FROM[family]
        and (family != "gaussian_process" or patients <= MOST_FOR_A_PROCESS)
    )


def chosen_family(losses: Mapping[str, NDArray[np.float64]], people: NDArray[np.intp]) -> str:
    """Return the first family whose loss is within one standard error of the smallest.

    Parameters
    ----------
    losses : mapping of str to ndarray of float64, shape (rows,)
        Cross-fitted, simplest family first.
    people : ndarray of int, shape (rows,)
        Patient of each row.

    Returns
    -------
    str

    Notes
    -----
    The standard error is that of the paired difference between patients' mean losses: families
    differ less on the same patients than patients do. Guarantee: none.
    Source: Breiman et al., Classification and Regression Trees (1984), section 3.4.3.

    Examples
    --------
    >>> losses = {"linear": np.array([0.10, 0.13]), "forest": np.array([0.11, 0.10])}
    >>> chosen_family(losses, np.arange(2))
    'linear'
    """
    counts = np.bincount(people)
    means = {
        name: (np.bincount(people, weights=loss) / np.maximum(counts, 1))[counts > 0]
        for name, loss in losses.items()
    }
    best = min(means, key=lambda name: float(means[name].mean()))
    for name, each in means.items():
        difference = each - means[best]
        error = difference.std(ddof=1) / np.sqrt(difference.size) if difference.size > 1 else 0.0
        if difference.mean() <= error:
            return name
    return best
