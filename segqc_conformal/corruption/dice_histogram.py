"""A requested histogram of Dice, and how far some masks are from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["DiceHistogram"]


@dataclass(frozen=True)
class DiceHistogram:
    """How many masks of which Dice are wanted; each share is spread evenly over its bin.

    Parameters
    ----------
    edges : sequence of float
        Edges of the bins, ascending, in [0, 1].
    shares : sequence of float
        How much is wanted in each bin, >= 0 and finite; they are divided by their sum.

    Raises
    ------
    InputError
        For edges or shares that are none.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> wanted = DiceHistogram([0.0, 0.5, 1.0], [1, 3])
    >>> wanted.values(4).round(3).tolist()
    [0.25, 0.583, 0.75, 0.917]
    >>> round(wanted.distance([0.25, 0.583, 0.75, 0.917]), 3)
    0.063
    """

    edges: Sequence[float]
    shares: Sequence[float]

    def __post_init__(self) -> None:
        """Check edges and shares once."""
        edges, shares = (np.asarray(each, dtype=np.float64) for each in (self.edges, self.shares))
        rising = edges.ndim == 1 and edges.size > 1 and bool((np.diff(edges) > 0).all())
        if not rising or edges[0] < 0.0 or edges[-1] > 1.0:
            raise InputError(
                "ascending edges in [0, 1]", self.edges, "give for example [0, 0.5, 0.8, 1]"
            )
        good = shares.shape == (edges.size - 1,) and bool((shares >= 0).all())
        if not good or not 0.0 < shares.sum() < np.inf:
            raise InputError(
                f"{edges.size - 1} shares >= 0 that are not all 0",
                self.shares,
                "give one for each bin",
            )
        object.__setattr__(self, "edges", tuple(edges.tolist()))
        object.__setattr__(self, "shares", tuple((shares / shares.sum()).tolist()))

    def values(self, count: int) -> NDArray[np.float64]:
        """Return `count` values of Dice that are spread like the histogram, ascending."""
        middle = (np.arange(count) + 0.5) / count
        filled = np.flatnonzero(self.shares)
        shares, lower = np.array(self.shares)[filled], np.array(self.edges)[filled]
        width = np.diff(self.edges)[filled]
        before = np.concatenate([[0.0], np.cumsum(shares)[:-1]])
        each = np.searchsorted(before, middle, side="right") - 1
        return np.asarray(lower[each] + width[each] * (middle - before[each]) / shares[each])

    def distance(self, dice: ArrayLike) -> float:
        """Return the earth mover's distance of some values of Dice from the histogram.

        Parameters
        ----------
        dice : array_like of float, shape ``(masks,)``
            In [0, 1], at least one.

        Returns
        -------
        float
            In units of Dice, in [0, 1]: the mean way that a mask's Dice would have to move.

        Notes
        -----
        Guarantee: exact; nothing is rounded to bins.
        """
        values = np.sort(np.asarray(dice, dtype=np.float64))
        places = np.union1d(values, self.edges)
        wanted = np.interp(places, self.edges, np.concatenate([[0.0], np.cumsum(self.shares)]))
        reached = np.searchsorted(values, places[:-1], side="right") / values.size
        left, right = np.abs(wanted[:-1] - reached), np.abs(wanted[1:] - reached)
        # a straight line that crosses 0 in between leaves two triangles
        crossing = (wanted[:-1] < reached) & (wanted[1:] > reached)
        both = left + right
        squares = np.divide(left**2 + right**2, both, out=np.zeros_like(both), where=crossing)
        return float(np.sum(np.diff(places) * np.where(crossing, squares, both)) / 2)
