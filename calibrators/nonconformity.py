"""Nonconformity: how far a true value lies from what was predicted, in units of the scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import LARGEST
from segqc_conformal.calibrators.support import support_in_words
from segqc_conformal.errors import InputError

__all__ = [
    "LARGEST",
    "SIDES",
    "check_side",
    "checked_scale",
    "checked_values",
    "residual",
    "scale_must_match",
]

SIDES = ("two-sided", "lower", "upper")
SMALLEST = float(np.finfo(np.float64).tiny)


def checked_values(
    name: str,
    values: ArrayLike,
    like: NDArray[np.float64] | None = None,
    low: float = -np.inf,
    high: float = np.inf,
) -> NDArray[np.float64]:
    """Return `values` as float64, refused unless 1-D, as long as `like`, finite, in [low, high].

    Examples
    --------
    >>> checked_values("dice", [0.2, 0.9], low=0.0, high=1.0).tolist()
    [0.2, 0.9]
    """
    array = np.asarray(values, dtype=np.float64)
    finite_low, finite_high = max(low, -LARGEST), min(high, LARGEST)
    if array.ndim != 1 or (like is not None and array.shape != like.shape):
        wanted = "a 1-D array" if like is None else f"shape {like.shape}"
        raise InputError(f"{name} of {wanted}", f"shape {array.shape}", "pass one value per case")
    # two passes decide the usual case of a million sound values; the rest names the bad row
    if array.size == 0 or (array.min() >= finite_low and array.max() <= finite_high):
        return array
    row = int(np.flatnonzero(~((array >= finite_low) & (array <= finite_high)))[0])
    raise InputError(
        f"finite {name} in {support_in_words(low, high)}",
        f"{array[row]} in row {row}",
        "drop or repair the case",
    )


def checked_scale(
    scale: ArrayLike | None, like: NDArray[np.float64]
) -> NDArray[np.float64] | float:
    """Return the scale as float64, refused unless positive and finite; None is 1.

    Examples
    --------
    >>> checked_scale(None, np.zeros(2))
    1.0
    """
    return 1.0 if scale is None else checked_values("positive scale", scale, like, low=SMALLEST)


def check_side(side: str) -> None:
    """Refuse a side that is not one of `SIDES`."""
    if side not in SIDES:
        raise InputError(f"side one of {SIDES}", repr(side), "choose one of them")


def scale_must_match(scaled: bool | None, scale: ArrayLike | None) -> None:
    """Refuse a scale that the certificate was not calibrated with, or the lack of one."""
    if scaled is not None and scaled != (scale is not None):
        raise InputError(
            "a scale exactly where the certificate was calibrated with one",
            "no scale" if scaled else "a scale",
            "pass what the calibration was given",
        )


def residual(
    predicted: NDArray[np.float64],
    true: NDArray[np.float64],
    side: str,
    scale: NDArray[np.float64] | float = 1.0,
) -> NDArray[np.float64]:
    """Return the error that the interval must reach over, in units of the scale.

    Signed for one side, else absolute. Too large for a number: inf, which no finite interval
    reaches; too small: the most negative number, from which on all are treated alike.

    Examples
    --------
    >>> p, y = np.array([0.5]), np.array([0.75])
    >>> [float(residual(p, y, side, 0.5)[0]) for side in SIDES]
    [0.5, -0.5, 0.5]
    """
    with np.errstate(over="ignore"):
        error = (true - predicted if side == "upper" else predicted - true) / scale
    return np.abs(error) if side == "two-sided" else np.maximum(error, -LARGEST)
