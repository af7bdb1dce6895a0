"""Which thresholds pass when many are tested: a fixed sequence with starts, or Holm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["holm", "lone_share", "sequence_levels", "start_positions"]


def start_positions(starts: int, thresholds: int) -> list[int]:
    """Return where in the test order the starts lie: the first threshold, the others spread evenly.

    Examples
    --------
    >>> start_positions(3, 50), start_positions(3, 2), start_positions(1, 0)
    ([0, 16, 33], [0, 1], [])
    """
    return sorted({i * thresholds // starts for i in range(starts)} - {thresholds})


def sequence_levels(
    p_values: NDArray[np.float64], delta: float, starts: int = 1
) -> NDArray[np.float64]:
    """Return the level at which each threshold is tested in the fixed sequence.

    Parameters
    ----------
    p_values : ndarray of float64, shape (thresholds,)
        In test order, fixed before the labels were seen.
    delta : float
        In (0, 1), for all thresholds together.
    starts : int, default 1
        Each start has an equal share of delta of its own, and hands what it was tested at on to
        the next threshold if it passes.

    Returns
    -------
    ndarray of float64, shape (thresholds,)
        A threshold passes if its level is > 0 and its p-value <= its level; 0: not tested.

    Notes
    -----
    Guarantee: if each p-value is super-uniform where its threshold violates, the probability that
    any violating threshold passes is <= delta, whatever the dependence and the risks. Handing on
    makes it at least as powerful as separate sequences at ``delta / starts``.
    Source: Wiens, Pharm. Stat. 2 (2003) 211 (fallback procedure); one start is the fixed sequence
    of Angelopoulos et al., Learn then Test, Ann. Appl. Stat. 19 (2025).

    Examples
    --------
    >>> sequence_levels(np.array([0.04, 0.04, 0.2, 0.01]), 0.1, starts=2).tolist()
    [0.05, 0.05, 0.1, 0.0]
    """
    own = start_positions(starts, p_values.size)
    levels = np.zeros(p_values.size)
    carried = 0
    for i, p in enumerate(p_values):
        carried += i in own
        levels[i] = delta * (carried / max(len(own), 1))
        if p > levels[i]:
            carried = 0
    return levels


def holm(p_values: NDArray[np.float64], delta: float) -> NDArray[np.bool_]:
    """Return which thresholds pass Holm's test, in any order.

    Parameters
    ----------
    p_values : ndarray of float64, shape (thresholds,)
        1 for a threshold that accepts nobody: it then costs its share of delta, and no more.
    delta : float
        In (0, 1), for all thresholds together.

    Returns
    -------
    ndarray of bool, shape (thresholds,)

    Notes
    -----
    Guarantee: as `sequence_levels`.
    Source: Holm, Scand. J. Stat. 6 (1979) 65.

    Examples
    --------
    >>> holm(np.array([1.0, 0.03, 0.2, 0.04]), 0.13).tolist()
    [False, True, False, True]
    """
    order = np.argsort(p_values, kind="stable")
    levels = delta / (p_values.size - np.arange(p_values.size))
    passed = np.empty(p_values.size, dtype=bool)
    passed[order] = np.logical_and.accumulate(p_values[order] <= levels)
    return passed


def lone_share(procedure: str, starts: int, thresholds: int) -> float:
    """Return the share of delta that is left for one threshold if no other passes.

    Parameters
    ----------
    procedure : {"fixed sequence", "holm"}
    starts : int
        Of a fixed sequence.
    thresholds : int

    Notes
    -----
    Guarantee: none by itself. In a fixed sequence it is the share of a start: thresholds in
    between are tested only after others passed.

    Examples
    --------
    >>> lone_share("fixed sequence", 1, 50), lone_share("fixed sequence", 4, 50)
    (1.0, 0.25)
    >>> lone_share("holm", 1, 50)
    0.02
    """
    parts = thresholds if procedure == "holm" else len(start_positions(starts, thresholds))
    return 1.0 / max(parts, 1)
