"""The border of the calibrators: settings and arrays are checked here, once."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = [
    "LARGEST",
    "check_open_unit",
    "delta_of",
    "finite_array",
    "first_row_of_each_patient",
    "numbered_patients",
    "percent",
    "positive_weights",
]

LARGEST = float(np.finfo(np.float64).max)


def check_open_unit(**settings: float | None) -> None:
    """Refuse settings outside (0, 1); None passes."""
    for name, value in settings.items():
        if value is not None and not 0.0 < value < 1.0:
            raise InputError(f"{name} between 0 and 1, both excluded", value, "give a probability")


def delta_of(confidence: float) -> float:
    """Return delta = 1 - confidence as the decimal the user meant (1 - 0.9 is 0.1, not 0.09...98).

    Examples
    --------
    >>> delta_of(0.9), 1 - 0.9
    (0.1, 0.09999999999999998)
    """
    return float(1 - Fraction(str(float(confidence))))


def percent(share: float) -> str:
    """Write a share as a percentage without rounding a promise up.

    Examples
    --------
    >>> percent(0.9), percent(0.995), percent(0.025)
    ('90%', '99.5%', '2.5%')
    >>> percent(0.99166667)
    '99.1666%'
    """
    digits = f"{100 * share:g}"
    if float(digits) > 100 * share + 1e-9:
        digits = f"{math.floor(1e4 * 100 * share) / 1e4:g}"
    return f"{digits}%"


def finite_array(
    name: str,
    values: ArrayLike,
    like: NDArray[np.float64] | None = None,
    low: float = -np.inf,
    high: float = np.inf,
) -> NDArray[np.float64]:
    """Return `values` as float64, refused unless 1-D, as long as `like`, and in [low, high].

    NaN is refused; infinity is not unless the bounds say so: -`LARGEST` and `LARGEST` do.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or (like is not None and array.shape != like.shape):
        wanted = "a 1-D array" if like is None else f"shape {like.shape}"
        raise InputError(f"{name} of {wanted}", f"shape {array.shape}", "pass one value per case")
    finite = (low, high) == (-LARGEST, LARGEST)
    wanted = f"finite values in {name}" if finite else f"{name} in [{low:g}, {high:g}]"
    _refuse(wanted, array, ~((array >= low) & (array <= high)))  # NaN is in no interval
    return array


def positive_weights(weights: ArrayLike, like: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of cases as float64, refused unless positive, finite, one per case.

    Examples
    --------
    >>> positive_weights([2, 0.5], np.zeros(2)).tolist()
    [2.0, 0.5]
    """
    array = finite_array("weights", weights, like=like)
    _refuse("weights above 0 and finite", array, ~((array > 0.0) & (array <= LARGEST)))
    return array


def _refuse(expected: str, array: NDArray[np.float64], wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(expected, f"{array[row]} in row {row}", "drop or repair the case")


def numbered_patients(patients: ArrayLike | None, rows: int) -> NDArray[np.intp]:
    """Return the patients numbered 0, 1, ... as they first appear; None: each row is its own.

    Ids are read as text before they are told apart: 1 and "1" are one patient.

    Examples
    --------
    >>> numbered_patients(["q", "p", "q"], 3).tolist()
    [0, 1, 0]
    """
    if patients is None:
        return np.arange(rows)
    whole = isinstance(patients, np.ndarray) and patients.dtype.kind in "iu"
    # an array of text would hide a missing id as "nan"
    ids = np.asarray(patients, dtype=None if whole else object)
    if ids.shape != (rows,):
        raise InputError(f"patients of shape ({rows},)", ids.shape, "pass one patient id per case")
    missing = np.flatnonzero(pd.isna(ids))
    if missing.size:
        raise InputError(
            "a patient for each case",
            f"{ids[missing[0]]} in row {missing[0]}",
            "name the patient: two cases without a name may be of one",
        )
    texts = ids if whole else np.array([str(name) for name in ids], dtype=object)
    return np.asarray(pd.factorize(texts)[0])


def first_row_of_each_patient(patients: ArrayLike | None, rows: int) -> NDArray[np.intp]:
    """Return the rows that count: the first of each patient, all where `patients` is None.

    Examples
    --------
    >>> first_row_of_each_patient(["q", "p", "q"], 3).tolist()
    [0, 1]
    """
    numbers = numbered_patients(patients, rows)
    return np.unique(numbers, return_index=True)[1]
