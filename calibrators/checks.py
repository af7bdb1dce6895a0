"""The border of the calibrators: settings and arrays are checked here, once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["check_open_unit", "delta_of", "finite_array", "first_row_of_each_patient", "percent"]


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
    """
    return f"{100 * share:g}%"


def finite_array(
    name: str,
    values: ArrayLike,
    like: NDArray[np.float64] | None = None,
    low: float = -np.inf,
    high: float = np.inf,
) -> NDArray[np.float64]:
    """Return `values` as float64, refused unless 1-D, as long as `like`, and in [low, high]."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or (like is not None and array.shape != like.shape):
        wanted = "a 1-D array" if like is None else f"shape {like.shape}"
        raise InputError(f"{name} of {wanted}", f"shape {array.shape}", "pass one value per case")
    outside = ~((array >= low) & (array <= high)) | np.isnan(array)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise InputError(
            f"{name} in [{low:g}, {high:g}]",
            f"{array[row]} in row {row}",
            "drop or repair the case",
        )
    return array


def first_row_of_each_patient(patients: ArrayLike | None, rows: int) -> NDArray[np.intp]:
    """Return the rows that count: the first of each patient, all where `patients` is None."""
    if patients is None:
        return np.arange(rows)
    ids = np.asarray(patients)
    if ids.shape != (rows,):
        raise InputError(f"patients of shape ({rows},)", ids.shape, "pass one patient id per case")
    missing = np.flatnonzero(pd.isna(ids))
    if missing.size:
        raise InputError(
            "a patient for each case", f"none in row {missing[0]}", "name the patient, or drop it"
        )
    return np.sort(np.unique(ids, return_index=True)[1])
