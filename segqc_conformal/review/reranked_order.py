"""The order in which slices are looked at if the list is made anew after each correction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.review.after_correction import CORRELATION, expected_surplus

__all__ = ["reranked_order"]


def reranked_order(
    score: ArrayLike,
    error: ArrayLike,
    case: ArrayLike,
    slices: ArrayLike,
    correlation: float = CORRELATION,
) -> NDArray[np.int64]:
    """Return the order in which slices are looked at if the list is made anew after each of them.

    Parameters
    ----------
    score, error : array_like, shape ``(slices,)`` or ``(structures, slices)``
        In one unit, see `after_correction`; NaN where a structure is not on the list. The next
        slice is that with the largest score of any structure.
    case : array_like, shape ``(slices,)``
    slices : array_like of int, shape ``(slices,)``
        Number of the slice in its case.
    correlation : float in [0, 1)

    Returns
    -------
    ndarray of int64, shape ``(slices,)``

    Notes
    -----
    Guarantee: none. The rule is that of `after_correction`.

    Examples
    --------
    >>> reranked_order([0.5, 0.1, 0.2], [0.9, 0.6, 0.0], ["c"] * 3, [4, 5, 9]).tolist()
    [0, 1, 2]
    """
    scores, errors = np.atleast_2d(score).astype(float), np.atleast_2d(error).astype(float)
    number = np.asarray(slices, dtype=np.int64)
    _, of = np.unique(np.asarray(case), return_inverse=True)
    members = [np.flatnonzero(of == i) for i in range(int(of.max(initial=-1)) + 1)]
    surplus = np.full(scores.shape, np.nan)
    now, order = np.nanmax(scores, axis=0), np.empty(len(number), dtype=np.int64)
    for step in range(len(number)):
        first = int(now.argmax())
        order[step] = first
        surplus[:, first] = errors[:, first] - scores[:, first]
        own = members[of[first]]
        expected = [expected_surplus(number[own], each[own], correlation) for each in surplus]
        fresh = np.nanmax(np.maximum(scores[:, own] + np.array(expected), 0.0), axis=0)
        now[own] = np.where(np.isin(own, order[: step + 1]), -np.inf, fresh)
    return order
