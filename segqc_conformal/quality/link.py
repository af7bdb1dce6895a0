"""The link: from the support of a target to the real line, where models are linear, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from segqc_conformal.errors import InputError

__all__ = ["Link", "link_of"]

EDGE = 0.02  # a bounded target is pulled this share inside its support before the logit


@dataclass(frozen=True)
class Link:
    """Logit between two finite ends, logarithm above one, identity without a support.

    Parameters
    ----------
    support : (float, float) or None
        Smallest and largest possible value of the target.
    unit : float
        Of a target without an upper end: small values are taken as they are, large ones by their
        logarithm, in this unit.

    Notes
    -----
    Guarantee: none (arithmetic).
    """

    support: tuple[float, float] | None
    unit: float = 1.0

    def to_line(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return targets on the real line; near an end of a bounded support they are pulled in."""
        if self.support is None:
            return target
        low, high = self.support
        if np.isfinite(high):
            return np.asarray(logit(np.clip((target - low) / (high - low), EDGE, 1.0 - EDGE)))
        return np.asarray(np.log1p((target - low) / self.unit))

    def to_target(self, line: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values of the real line as targets inside the support."""
        if self.support is None:
            return line
        low, high = self.support
        if np.isfinite(high):
            return np.asarray(low + (high - low) * expit(line))
        return np.asarray(low + self.unit * np.expm1(np.maximum(line, 0.0)))


def link_of(support: tuple[float, float] | None, target: NDArray[np.float64]) -> Link:
    """Return the link for some targets; of distances their median sets the unit.

    Parameters
    ----------
    support : (float, float) or None
        Smallest and largest possible value; (a, inf) for distances; None: no link.
    target : ndarray of float64, shape (rows,)
        Finite values to be fitted.

    Raises
    ------
    InputError
        For a value outside the support, or a support without a finite lower end.

    Examples
    --------
    >>> link = link_of((0.0, 1.0), np.array([0.5]))
    >>> link.to_target(link.to_line(np.array([0.5, 0.9]))).round(6).tolist()
    [0.5, 0.9]
    >>> link = link_of((0.0, np.inf), np.array([2.0, 4.0]))
    >>> link.to_target(link.to_line(np.array([0.0, 7.0]))).round(6).tolist()
    [0.0, 7.0]
    """
    if support is None:
        return Link(None)
    low, high = support
    if not np.isfinite(low) or not low < high:
        raise InputError("a support (low, high) with a finite low < high", support, "or give None")
    outside = target[(target < low) | (target > high)]
    if outside.size:
        raise InputError(f"targets in [{low:g}, {high:g}]", outside[0], "correct target or support")
    unit = float(np.median(target - low)) if target.size else 1.0
    return Link(support, unit if unit > 0.0 else 1.0)
