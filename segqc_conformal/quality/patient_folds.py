"""Folds that keep the rows of a patient together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["patient_folds"]

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


def patient_folds(people: NDArray[np.intp], folds: int) -> list[Split]:
    """Return (train, test) row numbers of each fold; fewer folds where there are fewer patients.

    Examples
    --------
    >>> [test.tolist() for _, test in patient_folds(np.array([0, 0, 1, 1]), folds=5)]
    [[2, 3], [0, 1]]
    """
    from sklearn.model_selection import GroupKFold

    number = max(2, min(folds, np.unique(people).size))
    return [
        (np.asarray(train), np.asarray(test))
        for train, test in GroupKFold(number).split(people, groups=people)
    ]
