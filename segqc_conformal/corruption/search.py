"""The strength at which a path has a wanted Dice."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["TOLERANCE", "strength_for"]

TOLERANCE = 0.005  # of Dice
MOST_STEPS = 20


def strength_for(dice_at: Callable[[float], float], wanted: float) -> tuple[float, float]:
    """Find the strength whose Dice is nearest to the wanted one, by bisection.

    Parameters
    ----------
    dice_at : callable
        Strength in [0, 1] -> Dice; falling on the whole, with small jumps.
    wanted : float
        In [0, 1].

    Returns
    -------
    (strength, dice) : tuple of float
        The first within 0.005 of the wanted Dice, else the nearest that was seen.

    Notes
    -----
    Guarantee: none; a path that falls below the wanted Dice and rises again is seen at its end.

    Examples
    --------
    >>> strength_for(lambda strength: 1.0 - strength, 0.25)
    (0.75, 0.25)
    >>> strength_for(lambda strength: 1.0 - strength / 2, 0.25)
    (1.0, 0.5)
    """
    low, high = 0.0, 1.0
    best, strength = (0.0, dice_at(0.0)), 1.0
    for _ in range(MOST_STEPS):
        if abs(best[1] - wanted) <= TOLERANCE:
            break
        found = dice_at(strength)
        if abs(found - wanted) < abs(best[1] - wanted):
            best = (strength, found)
        if found > wanted:
            low = strength
        else:
            high = strength
        if low == high:
            break
        strength = (low + high) / 2
    return best
