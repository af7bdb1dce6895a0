"""Bins for a stream of values: ties inside a bin cost resolution, never validity."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.patients import stable_hash

__all__ = ["bin_count", "bin_of", "draw_for_edges", "quantile_edges"]

QUANTILES = 257


def quantile_edges(values: ArrayLike) -> list[float]:
    """Choose bin edges: up to 257 equally spaced quantiles of `values`.

    Parameters
    ----------
    values : array_like of float, shape ``(cases,)``
        Values that will **not** enter the bag (fit patients'); ``-inf`` needs no edge.

    Returns
    -------
    list of float
        Distinct finite edges in rising order; empty if no value is finite.

    Notes
    -----
    Guarantee: none needed: p-values stay exact for any edges that do not depend on the values
    in the bag or in the stream.

    Examples
    --------
    >>> quantile_edges([0.0, 4.0])[::64]
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return []
    edges: NDArray[np.float64] = np.unique(np.quantile(finite, np.linspace(0, 1, QUANTILES)))
    return [float(edge) for edge in edges]


def draw_for_edges(count: int, seed: int) -> NDArray[np.bool_]:
    """Draw one in five of `count` values (at least one) to set the edges.

    The draw looks at positions and the seed only, so the values left for the bag stay
    exchangeable with the stream.

    Examples
    --------
    >>> int(draw_for_edges(50, seed=7).sum())
    10
    """
    order = sorted(range(count), key=lambda place: stable_hash(seed, f"edges:{place}"))
    drawn = np.zeros(count, dtype=bool)
    drawn[order[: max(1, count // 5)]] = True
    return drawn


def bin_count(edges: Sequence[float]) -> int:
    """Return the number of bins: ``-inf``, each edge and each gap have one of their own.

    Examples
    --------
    >>> bin_count([0.5])
    4
    """
    return 2 * len(edges) + 2


def bin_of(value: float, edges: Sequence[float]) -> int:
    """Return the bin of `value`, in the order of the values.

    A value equal to an edge has a bin of its own, so a constant stream that moves is seen.

    Examples
    --------
    >>> [bin_of(value, [0.5]) for value in (float("-inf"), 0.2, 0.5, 0.9)]
    [0, 1, 2, 3]
    """
    if value == float("-inf"):
        return 0
    return 1 + bisect_left(edges, value) + bisect_right(edges, value)
