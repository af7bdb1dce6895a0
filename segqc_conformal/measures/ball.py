"""Balls in any number of dimensions."""

from __future__ import annotations

from math import gamma, pi

__all__ = ["ball_radius", "unit_ball_volume"]


def unit_ball_volume(axes: int) -> float:
    """Volume of the ball of radius 1; its surface is ``axes`` times that.

    Examples
    --------
    >>> round(unit_ball_volume(2), 4), round(unit_ball_volume(3), 4)
    (3.1416, 4.1888)
    """
    return float(pi ** (axes / 2) / gamma(axes / 2 + 1))


def ball_radius(volume: float, axes: int) -> float:
    """Radius of the ball of a volume.

    Examples
    --------
    >>> round(ball_radius(16.0, 1), 4)
    8.0
    """
    return float((volume / unit_ball_volume(axes)) ** (1 / axes))
