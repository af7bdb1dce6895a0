"""What slices of one patient may count for: never as independent cases."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import first_row_of_each_patient

__all__ = ["largest_of_each_patient", "one_slice_of_each_patient", "random_slice_quantile"]


def largest_of_each_patient(
    nonconformity: NDArray[np.float64], patients: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the largest nonconformity among the slices of each patient.

    Parameters
    ----------
    nonconformity : ndarray of float64, shape (slices,)
    patients : ndarray of int, shape (slices,)
        Patients numbered from 0 without gaps.

    Examples
    --------
    >>> largest_of_each_patient(np.array([0.1, 0.4, 0.2]), np.array([0, 0, 1])).tolist()
    [0.4, 0.2]
    """
    largest = np.full(int(patients.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(largest, patients, nonconformity)
    return largest


def random_slice_quantile(
    nonconformity: NDArray[np.float64], patients: NDArray[np.intp], miscoverage: float
) -> float | None:
    """Return the nonconformity that a random slice of a new patient exceeds rarely enough.

    Parameters
    ----------
    nonconformity : ndarray of float64, shape (slices,)
    patients : ndarray of int, shape (slices,)
        Patients numbered from 0 without gaps.
    miscoverage : float
        alpha in (0, 1).

    Returns
    -------
    float or None
        Quantile with weight 1 / (patients + 1) for each patient, shared among its slices, and
        1 / (patients + 1) at infinity, in exact arithmetic; None where no finite one is enough.

    Notes
    -----
    Guarantee: P(nonconformity of a slice drawn at random from a new patient <= this) >= 1 - alpha
    over calibration draw, new patient and slice, for exchangeable patients. With one slice per
    patient it is the split-conformal quantile.
    Source: Lee, Barber and Willett, Distribution-free inference with hierarchical data
    (arXiv 2306.06342), hierarchical conformal prediction, Theorem 1.

    Examples
    --------
    >>> random_slice_quantile(np.arange(9.0), np.arange(9), 0.1)
    8.0
    >>> random_slice_quantile(np.arange(18.0), np.repeat(np.arange(9), 2), 0.2)
    15.0
    """
    sizes = np.bincount(patients)
    unit = math.lcm(*sizes.tolist())  # weights in units of 1 / (patients + 1) / lcm are integers
    order = np.argsort(nonconformity)
    weights = [unit // int(sizes[patient]) for patient in patients[order]]
    needed = (1 - Fraction(str(float(miscoverage)))) * (sizes.size + 1) * unit
    for row, weight in zip(order, accumulate(weights), strict=True):
        if weight >= needed:
            return float(nonconformity[row]) if np.isfinite(nonconformity[row]) else None
    return None


def one_slice_of_each_patient(patients: ArrayLike, seed: int = 0) -> NDArray[np.intp]:
    """Return one random row of each patient, for calibrators that take one case per patient.

    Parameters
    ----------
    patients : array_like, shape (slices,)
        Patient of each slice.
    seed : int
        Seed of the draw, which sees no label.

    Returns
    -------
    ndarray of int, shape (patients,)
        Ascending row numbers. The promise of a calibrator given these rows is about a slice drawn
        at random from a new patient.

    Notes
    -----
    Guarantee: none by itself; the rows are exchangeable if the patients are.

    Examples
    --------
    >>> one_slice_of_each_patient(["a", "a", "a", "b", "b"]).tolist()
    [2, 4]
    """
    ids = np.asarray(patients)
    shuffled = np.random.default_rng(seed).permutation(ids.size)
    return np.sort(shuffled[first_row_of_each_patient(ids[shuffled], ids.size)])
